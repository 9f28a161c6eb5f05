#pragma once

#include "tcpserver/base/socket_address.hpp"

#include <string>

// Explains why a client cannot connect to a server, and what to do. The errno is that of socket, bind or connect.
namespace tcpserver::client {

struct ConnectFailure {
  std::string error;   // "Connection refused"
  std::string advice;  // "is the server running?"; may be empty
};

// "Connection refused (is the server running?)".
[[nodiscard]] std::string to_string(const ConnectFailure& failure);

[[nodiscard]] ConnectFailure explain_connect_error(const base::SocketAddress& server, int error);

// Returns true if all local ports for this server are in use. EADDRNOTAVAIL may also mean that this machine
// has no address of that family.
[[nodiscard]] bool lacks_local_port(const base::SocketAddress& server, int error) noexcept;

}  // namespace tcpserver::client
