#include "tcpserver/base/values.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <limits>

namespace tcpserver::base {

namespace {

constexpr std::size_t most_fraction_digits = 9;
constexpr std::size_t longest_shown = 60;

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
// cut_unit() must try "ms" and "us" before "s", because their texts end in "s" too.
constexpr Unit hour{"h", 3'600'000'000'000};
constexpr Unit minute{"m", 60'000'000'000};
constexpr Unit second{"s", 1'000'000'000};
constexpr Unit millisecond{"ms", 1'000'000};
constexpr Unit microsecond{"us", 1'000};
constexpr std::array units{hour, minute, millisecond, microsecond, second};

Unit cut_unit(std::string_view& text) {
  for (const auto& unit : units) {
    if (text.ends_with(unit.name)) {
      text.remove_suffix(unit.name.size());
      return unit;
    }
  }
  return second;  // the default unit
}

}  // namespace

std::optional<std::uint64_t> parse_saturating(std::string_view text, std::uint64_t max) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return std::min(parse_number<std::uint64_t>(text).value_or(max), max);
}

std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t min, std::uint64_t max) {
  const auto value = parse_number<std::uint64_t>(text);
  return value && *value >= min && *value <= max ? value : std::nullopt;
}

std::optional<double> parse_decimal(std::string_view text, std::uint64_t max) {
  const auto point = text.find('.');
  const auto whole = parse_count(text.substr(0, point), 0, max);
  const auto digits = point == std::string_view::npos ? "0" : text.substr(point + 1);
  const auto fraction = parse_count(digits, 0, 999'999'999);
  if (!whole || !fraction || digits.size() > most_fraction_digits) return std::nullopt;
  const double value = static_cast<double>(*whole) +
                       static_cast<double>(*fraction) / std::pow(10.0, static_cast<double>(digits.size()));
  return value <= static_cast<double>(max) ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> parse_size(std::string_view text, std::uint64_t min, std::uint64_t max) {
  constexpr std::string_view suffixes = "KMG";
  const auto suffix = text.empty() ? std::string_view::npos : suffixes.find(text.back());
  unsigned shift = 0;
  if (suffix != std::string_view::npos) {
    text.remove_suffix(1);
    shift = 10 * (static_cast<unsigned>(suffix) + 1);
  }
  const auto whole = parse_count(text, 0, max >> shift);
  if (!whole || *whole << shift < min) return std::nullopt;
  return *whole << shift;
}

std::optional<Duration> parse_duration(std::string_view text) {
  const auto unit = cut_unit(text);
  const auto point = text.find('.');
  const auto digits = point == std::string_view::npos ? "0" : text.substr(point + 1);
  const auto fraction = parse_count(digits, 0, 999'999'999);
  const auto longest = Duration(longest_duration).count();
  const auto most = static_cast<std::uint64_t>(longest / unit.nanoseconds);
  const auto whole = parse_count(text.substr(0, point), 0, most);
  if (!whole || !fraction || digits.size() > most_fraction_digits) return std::nullopt;
  std::int64_t total = static_cast<std::int64_t>(*whole) * unit.nanoseconds;
  // Adding digit by digit cannot overflow. Fractions of a nanosecond are dropped.
  std::int64_t worth = unit.nanoseconds;
  for (const char digit : digits) total += (digit - '0') * (worth /= 10);
  return total <= longest ? std::optional(Duration(total)) : std::nullopt;
}

std::string format_duration(Duration duration) {
  const auto count = duration.count();
  if (count == 0) return "0s";
  for (const auto& unit : {hour, minute, second, millisecond, microsecond}) {
    if (count % unit.nanoseconds == 0) return std::to_string(count / unit.nanoseconds).append(unit.name);
  }
  auto thousandths = std::to_string(1000 + count % microsecond.nanoseconds);  // "1005" for .005
  while (thousandths.back() == '0') thousandths.pop_back();
  return std::to_string(count / microsecond.nanoseconds) + "." + thousandths.substr(1) + "us";
}

std::string format_text(const char* format, ...) {
  std::array<char, 512> text{};
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  return text.data();
}

std::string format_time(double seconds) {
  // Above each limit, rounding would add a digit.
  if (seconds < 0.0009995) return format_text("%.0f us", seconds * 1e6);
  if (seconds < 0.09995) return format_text("%.1f ms", seconds * 1e3);
  if (seconds < 0.9995) return format_text("%.0f ms", seconds * 1e3);
  return format_text(seconds < 99.9995 ? "%.3f s" : "%.0f s", seconds);
}

std::string quote_unless_plain(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
  return plain && !text.empty() && text.size() <= longest_shown ? std::string(text) : quote(text);
}

std::string quote(std::string_view text) {
  std::string shown = "'";
  for (const char c : text.substr(0, longest_shown)) {
    if (c >= ' ' && c <= '~') {
      shown += c;
    } else {
      shown += format_text("\\x%02x", static_cast<unsigned char>(c));
    }
  }
  if (text.size() > longest_shown) return shown + "...' (" + std::to_string(text.size()) + " bytes)";
  return shown + "'";
}

}  // namespace tcpserver::base
