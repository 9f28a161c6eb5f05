#pragma once

#include "tcpserver/base/clock.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Text to values, strictly: the whole text must be the value, without blanks and whatever the locale is.
// Each parser returns nullopt for text that is not allowed; the caller knows which option to blame.
namespace tcpserver::base {

// Takes the text up to the separator off the front of `rest`, and the separator. Takes all if there is none.
inline std::string_view take_until(std::string_view& rest, char separator) noexcept {
  const auto part = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  return part;
}

// Takes the first field off the front of `rest`, where blanks separate fields. Empty at the end.
inline std::string_view take_field(std::string_view& rest) noexcept {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return take_until(rest, ' ');
}

// Digits, behind a minus sign if the type has one. Values that the type cannot hold are refused.
template <typename Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text, int base = 10) noexcept {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  return error == std::errc{} && stop == end ? std::optional(number) : std::nullopt;
}

// Decimal digits, leading zeros allowed. Values above `max` are refused (parse_count) or become `max`,
// however many digits there are (parse_saturating).
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t min,
                                                       std::uint64_t max);
[[nodiscard]] std::optional<std::uint64_t> parse_saturating(std::string_view text, std::uint64_t max);

// "1000", "0.5": decimal digits, at most nine of them after a point. No exponent. Values above `max` are
// refused.
[[nodiscard]] std::optional<double> parse_decimal(std::string_view text, std::uint64_t max);

// Bytes: decimal digits, then K, M or G for KiB, MiB or GiB. Values outside the range are refused.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text, std::uint64_t min,
                                                      std::uint64_t max);

// "250us", "250ms", "2s", "5m", "1h"; a bare number is seconds. Fractions are allowed: "0.8ms", at most nine
// digits. From 0 to longest_duration.
inline constexpr auto longest_duration = std::chrono::hours(24 * 365);
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

// The text that parse_duration reads back, in the largest unit that makes it a whole number: "5m", "1500ms",
// "0s". Below a microsecond it has a fraction: "0.005us".
[[nodiscard]] std::string duration_text(Duration duration);

// A measured time in three or four digits: "850 us", "12.3 ms", "2.001 s".
[[nodiscard]] std::string time_text(double seconds);

// As printf(3), up to 511 bytes.
[[nodiscard]] std::string formatted(const char* format, ...) __attribute__((format(printf, 1, 2)));

// 'text' in quotes, safe for one line of a terminal: bytes other than printable ASCII become \xNN, and a long
// text is cut to its beginning and its length.
[[nodiscard]] std::string in_quotes(std::string_view text);

// The text unchanged if it is short and plain, else in_quotes. For names that a message begins with.
[[nodiscard]] std::string plain_or_quoted(std::string_view text);

}  // namespace tcpserver::base
