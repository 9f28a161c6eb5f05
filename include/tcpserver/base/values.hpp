#pragma once

#include "tcpserver/base/clock.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Strict parsers. The whole text must be the value, without blanks, and independent of the locale. Parsers
// return nullopt for invalid text; the caller names the option in its message.
namespace tcpserver::base {

// Removes the text up to the separator from the front of `rest` and returns it, without the separator. Takes
// everything if there is no separator.
inline std::string_view take_until(std::string_view& rest, char separator) noexcept {
  const auto part = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  return part;
}

// Removes the first blank-separated field from the front of `rest` and returns it. Empty at the end.
inline std::string_view take_field(std::string_view& rest) noexcept {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return take_until(rest, ' ');
}

// Parses digits, after a minus sign for signed types. Refuses values that the type cannot hold.
template <typename Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text, int base = 10) noexcept {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  return error == std::errc{} && stop == end ? std::optional(number) : std::nullopt;
}

// Parse decimal digits; leading zeros are allowed. parse_count refuses values outside the range.
// parse_saturating turns larger values, with any number of digits, into `max`.
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t min,
                                                       std::uint64_t max);
[[nodiscard]] std::optional<std::uint64_t> parse_saturating(std::string_view text, std::uint64_t max);

// Parses "1000" or "0.5": decimal digits, at most nine after the point, no exponent. Refuses values above
// `max`.
[[nodiscard]] std::optional<double> parse_decimal(std::string_view text, std::uint64_t max);

// Parses a number of bytes: decimal digits, then K, M or G for KiB, MiB or GiB. Refuses values outside the
// range.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text, std::uint64_t min,
                                                      std::uint64_t max);

// Parses "250us", "250ms", "2s", "5m", "1h"; without a unit, seconds. Up to nine digits may follow a point:
// "0.8ms". The range is 0 to longest_duration.
inline constexpr auto longest_duration = std::chrono::hours(24 * 365);
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

// Formats for parse_duration, in the largest unit that makes it a whole number: "5m", "1500ms", "0s". Values
// that are not whole microseconds have a fraction: "0.005us".
[[nodiscard]] std::string format_duration(Duration duration);

// Formats a measured time with three or four digits: "850 us", "12.3 ms", "2.001 s".
[[nodiscard]] std::string format_time(double seconds);

// Formats like printf(3), up to 511 bytes.
[[nodiscard]] std::string format_text(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Returns 'text' in quotes, safe for one line of a terminal: bytes other than printable ASCII become \xNN,
// and a long text is reduced to its beginning and its length.
[[nodiscard]] std::string quote(std::string_view text);

// Returns the text unchanged if it is short and printable, otherwise quote(). Use it for the first word
// of a message.
[[nodiscard]] std::string quote_unless_plain(std::string_view text);

}  // namespace tcpserver::base
