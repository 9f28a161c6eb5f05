#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tcpserver::server {

// The capitals of ASCII letters; every other byte, those above 127 included, stays. Eight bytes at a time,
// each in its own lane of an integer, so that it needs neither vector registers nor constants from memory: a
// small child has none.
inline void to_capitals(char* bytes, std::size_t count) noexcept {
  constexpr std::uint64_t lanes = 0x0101010101010101;
  constexpr std::uint64_t top_bits = 0x80 * lanes;
  const auto capitals_of = [](std::uint64_t word) {
    const std::uint64_t low = word & ~top_bits;
    // A lane's top bit: set from 'a' on, and set beyond 'z'. No lane carries into the next: 0x7f + 0x1f <
    // 0x100.
    const std::uint64_t from_a = low + (0x80 - 'a') * lanes;
    const std::uint64_t beyond_z = low + (0x80 - 'z' - 1) * lanes;
    const std::uint64_t letters = from_a & ~beyond_z & ~word & top_bits;
    return word - (letters >> 2);  // 0x80 >> 2 is 'a' - 'A'
  };
  std::uint64_t word = 0;
  while (count >= sizeof word) {
    std::memcpy(&word, bytes, sizeof word);
    word = capitals_of(word);
    std::memcpy(bytes, &word, sizeof word);
    bytes += sizeof word;
    count -= sizeof word;
  }
  for (; count > 0; --count, ++bytes) {
    *bytes = static_cast<char>(capitals_of(static_cast<unsigned char>(*bytes)));
  }
}

}  // namespace tcpserver::server
