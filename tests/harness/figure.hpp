#pragma once

#include <cstdlib>
#include <string>

namespace harness {

// The number that stands right before these words in a line, such as 3 for " accept errors" in "3 accept
// errors"; 0 where the words are not there.
[[nodiscard]] inline unsigned long figure_before(const std::string& line, const std::string& words) {
  const auto end = line.find(words);
  if (end == std::string::npos || end == 0) return 0;
  const auto before = line.find_last_not_of("0123456789", end - 1);
  const auto start = before == std::string::npos ? 0 : before + 1;
  return std::strtoul(line.c_str() + start, nullptr, 10);
}

}  // namespace harness
