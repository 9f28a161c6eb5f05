#pragma once

#include "tcpserver/base/values.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

// Defined by each fuzz target (libFuzzer, https://llvm.org/docs/LibFuzzer.html). scripts/fuzz.sh links it
// with the fuzzer; the test suite links it with replay.cpp, which replays the corpus.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

[[nodiscard]] inline std::string_view to_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Splits lines into words of an argv or environment. As there, a NUL ends a word.
[[nodiscard]] inline std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto line = tcpserver::base::take_until(text, '\n');
    words.emplace_back(line.substr(0, line.find('\0')));
  }
  return words;
}

// Aborts if a condition that must hold for every input is false.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// True if the text is one line of printable characters.
[[nodiscard]] inline bool is_one_plain_line(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace fuzz
