#pragma once

#include "tcpserver/base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Text to values, strictly: the whole text must be the value. No sign, no blank, no hexadecimal, no locale.
// Each returns nothing for text that is not allowed; the caller knows which option to blame.
namespace tcpserver::base {

// Decimal digits, leading zeros allowed. Values above `max` are refused (parse_count) or become `max`,
// however many digits there are (parse_saturating).
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t min,
                                                       std::uint64_t max);
[[nodiscard]] std::optional<std::uint64_t> parse_saturating(std::string_view text, std::uint64_t max);

// "1000", "0.5": decimal digits, at most nine of them after a point. No exponent. Values above `max` are
// refused.
[[nodiscard]] std::optional<double> parse_decimal(std::string_view text, std::uint64_t max);

// Bytes: decimal digits, and K, M or G behind them for KiB, MiB or GiB (1024, 1024^2, 1024^3 bytes). Values
// outside the range are refused.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text, std::uint64_t min,
                                                      std::uint64_t max);

// "250us", "250ms", "2s", "5m", "1h", a bare number is seconds; fractions are allowed ("0.8ms", at most nine
// digits). From 0 to longest_duration.
inline constexpr auto longest_duration = std::chrono::hours(24 * 365);
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

// The text that parse_duration reads back, in the largest unit of which it is a whole number: "5m", "1500ms",
// "800us", "0s". For what is finer than a microsecond, "0.005us".
[[nodiscard]] std::string duration_text(Duration duration);

// A measured time as a reader wants it, in three or four digits: "850 us", "12.3 ms", "2.001 s".
[[nodiscard]] std::string time_text(double seconds);

// As printf(3), up to 511 bytes.
[[nodiscard]] std::string formatted(const char* format, ...) __attribute__((format(printf, 1, 2)));

// 'text' in quotes, fit for one line of a terminal: other bytes than printable ASCII as \xNN, and of a long
// text the beginning with its length.
[[nodiscard]] std::string in_quotes(std::string_view text);

// The text as it is where it is short and plain, else in_quotes: for names that a message begins with.
[[nodiscard]] std::string plain_or_quoted(std::string_view text);

}  // namespace tcpserver::base
