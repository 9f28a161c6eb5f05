#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace harness {

// Returns the bytes of a file; empty if it cannot be read.
[[nodiscard]] inline std::string read_text(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Returns the contents of tests/golden/NAME, the expected output of a program.
[[nodiscard]] inline std::string golden(const std::string& name) {
  return read_text(std::string(TCPSERVER_TEST_DATA) + "/golden/" + name);
}

// True if the text contains `part`. A failed expectation shows the whole text.
[[nodiscard]] inline ::testing::AssertionResult contains(const std::string& text, const std::string& part) {
  return ::testing::AssertionResult(text.find(part) != std::string::npos) << "'" << part << "' in: " << text;
}

[[nodiscard]] inline std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

[[nodiscard]] inline std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Returns the number before `words`, such as 3 for " accept errors" in "3 accept errors"; 0 without `words`.
[[nodiscard]] inline unsigned long number_before(const std::string& line, const std::string& words) {
  const auto end = line.find(words);
  if (end == std::string::npos || end == 0) return 0;
  const auto before = line.find_last_not_of("0123456789", end - 1);
  return std::strtoul(line.c_str() + (before == std::string::npos ? 0 : before + 1), nullptr, 10);
}

// Returns the words of a text separated by single blanks, without line breaks.
[[nodiscard]] inline std::string in_one_line(const std::string& text) {
  std::istringstream stream(text);
  std::string line;
  for (std::string word; stream >> word;) line += (line.empty() ? "" : " ") + word;
  return line;
}

}  // namespace harness
