#pragma once

#include "tcpserver/base/socket_address.hpp"

#include <string>

// Why a client cannot connect to a server, and what to do. The errno is that of socket, bind or connect.
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

// Returns true if the kernel may connect a socket to itself (RFC 9293, section 3.5, simultaneous open). This
// happens if nothing listens on the port, and the kernel chooses it as the local port of a client on the same
// machine.
[[nodiscard]] bool may_connect_to_itself(const base::SocketAddress& server);

// Returns true if this socket, which connects to this server, is connected to itself.
[[nodiscard]] bool is_connected_to_itself(int fd, const base::SocketAddress& server) noexcept;

}  // namespace tcpserver::client
