#pragma once

#include "tcpserver/base/socket_address.hpp"

#include "load/connection.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace tcpserver::load {

// Starts connections to one address of the server, from one local address after another.
class Connector {
 public:
  // `sources`: from 127.0.0.1 to 127.0.0.so many, in turn; 0: from where the system likes.
  // Throws StartError (usage) for sources where the server is not in 127.0.0.0/8. There must be an address.
  Connector(std::vector<base::SocketAddress> addresses, std::uint32_t sources);

  // Begins to connect on a new descriptor of the connection.
  [[nodiscard]] std::optional<Fault> connect(Connection& connection) const;

  [[nodiscard]] const base::SocketAddress& address() const noexcept { return addresses_[current_]; }

  // Of several addresses the next one. False: there is none.
  [[nodiscard]] bool has_next() const noexcept { return current_ + 1 < addresses_.size(); }
  void take_next() noexcept { ++current_; }

 private:
  std::vector<base::SocketAddress> addresses_;
  std::size_t current_ = 0;
  std::vector<base::SocketAddress> sources_;
};

}  // namespace tcpserver::load
