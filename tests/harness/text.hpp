#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace harness {

// The bytes of a file; none if it cannot be read.
[[nodiscard]] inline std::string contents_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Tells the whole text when an expectation about it fails.
[[nodiscard]] inline ::testing::AssertionResult contains(const std::string& text, const std::string& part) {
  return ::testing::AssertionResult(text.find(part) != std::string::npos) << "'" << part << "' in: " << text;
}

[[nodiscard]] inline std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

[[nodiscard]] inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// The words of a text with one blank between two, however its lines were broken.
[[nodiscard]] inline std::string in_one_line(const std::string& text) {
  std::istringstream stream(text);
  std::string line;
  for (std::string word; stream >> word;) line += (line.empty() ? "" : " ") + word;
  return line;
}

}  // namespace harness
