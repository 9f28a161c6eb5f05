#pragma once

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

// The lines of /proc (proc(5)): fields between blanks.
namespace tcpserver::kernel {

// Takes the line's first field away from it. Empty at its end.
inline std::string_view next_field(std::string_view& line) noexcept {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const auto field = line.substr(0, line.find_first_of(" \n"));
  line.remove_prefix(field.size());
  return field;
}

// The whole text as a number; nothing where it is none, or does not fit.
template <typename Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text, int base = 10) noexcept {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

// The text with '?' for every byte that is not printable ASCII. A process chooses its own name: no control
// byte of it may reach a terminal.
[[nodiscard]] inline std::string printable(std::string_view text) {
  std::string shown(text);
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return shown;
}

}  // namespace tcpserver::kernel
