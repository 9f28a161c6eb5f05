#pragma once

#include "tcpserver/base/service.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tcpserver::load {

// What is sent, and what should come back, with nothing to be built or kept for each connection: one
// pseudo-random sequence of all byte values that repeats after a prime number of bytes, in which each
// connection, and each round of it, begins at a place of its own. A stream that is shifted, or whose blocks
// are exchanged, so differs from itself.
class Pattern {
 public:
  static constexpr std::uint64_t period = 65521;  // the largest prime below 2^16

  // `longest` is the most that sent() and expected() are asked for.
  Pattern(base::Verb verb, std::size_t longest);

  // Where a connection's round begins. Of 65521 connections that follow each other each has its own place.
  [[nodiscard]] static std::uint64_t place_of(std::uint64_t connection, std::uint64_t round) noexcept {
    // Any numbers would do that the prime does not divide; these put neighbours far apart.
    return (connection % period * 40503 + round % period * 25717) % period;
  }

  // The bytes from this place on.
  [[nodiscard]] std::string_view sent(std::uint64_t place, std::size_t size) const noexcept {
    return std::string_view(sent_).substr(place % period, size);
  }
  [[nodiscard]] std::string_view expected(std::uint64_t place, std::size_t size) const noexcept {
    return std::string_view(replies_.empty() ? sent_ : replies_).substr(place % period, size);
  }

 private:
  std::string sent_;
  std::string replies_;  // empty: the reply is what was sent
};

}  // namespace tcpserver::load
