#pragma once

#include "load/connection.hpp"
#include "load/pattern.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace tcpserver::load {

// Moves the bytes of a round and compares them, with one buffer for all connections. Each call makes one
// system call, moves as much as that takes, and books it in the connection and the totals.
class Transfer {
 public:
  // `size`: bytes of a round, above 0.
  Transfer(base::Verb verb, std::uint64_t size);

  // Whether the kernel had room. A fault is what ended the connection, be it the connect that was under way.
  [[nodiscard]] std::optional<Fault> send(Connection& connection);

  // at_end: the server's end came, and the whole reply before it.
  struct Received {
    std::optional<Fault> fault;
    bool at_end = false;
  };
  [[nodiscard]] Received receive(Connection& connection);

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }
  [[nodiscard]] std::uint64_t bytes_received() const noexcept { return bytes_received_; }

 private:
  [[nodiscard]] std::optional<Fault> compare(Connection& connection, std::size_t count) const;
  [[nodiscard]] Fault difference(const Connection& connection, std::uint64_t place, std::size_t count) const;

  std::uint64_t size_;
  Pattern pattern_;
  std::vector<char> buffer_;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_received_ = 0;
};

}  // namespace tcpserver::load
