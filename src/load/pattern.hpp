#pragma once

#include "tcpserver/base/service.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace tcpserver::load {

// Provides the bytes to send and the expected replies, without memory per connection. A pseudo-random
// sequence repeats after a prime number of bytes, and each round of each connection starts at a different
// offset. This detects shifted streams and swapped blocks.
class Pattern {
 public:
  static constexpr std::uint64_t period = 65521;  // the largest prime below 2^16

  // sent() and expected() return at most `longest` bytes.
  Pattern(base::Verb verb, std::size_t longest) : sent_(period + longest, '\0') {
    std::mt19937 random;
    for (std::size_t i = 0; i < sent_.size(); ++i) {
      sent_[i] = i < period ? static_cast<char>(random()) : sent_[i - period];
    }
    replies_ = sent_;
    for (char& byte : replies_) byte = base::reply_to(verb, byte);
  }

  // Returns the start of a round. Any 65521 consecutive connections start at different offsets.
  [[nodiscard]] static std::uint64_t place(std::uint64_t connection, std::uint64_t round) noexcept {
    // Any factors work that are no multiples of the prime. These separate consecutive rounds.
    return (connection % period * 40503 + round % period * 25717) % period;
  }

  [[nodiscard]] std::string_view sent(std::uint64_t place, std::size_t size) const noexcept {
    return std::string_view(sent_).substr(place % period, size);
  }
  [[nodiscard]] std::string_view expected(std::uint64_t place, std::size_t size) const noexcept {
    return std::string_view(replies_).substr(place % period, size);
  }

 private:
  std::string sent_;
  std::string replies_;
};

}  // namespace tcpserver::load
