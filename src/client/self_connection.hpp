#pragma once

#include "tcpserver/base/socket_address.hpp"

#include <optional>

namespace tcpserver::client {

// Returns the address that the kernel chooses for connections to this server; nullopt if there is none. Sends
// nothing: connecting a UDP socket only looks up the route (udp(7)).
[[nodiscard]] std::optional<base::SocketAddress> find_source(const base::SocketAddress& server) noexcept;

// Returns true if the kernel may connect a socket to itself (RFC 9293, section 3.5, simultaneous open). This
// happens if nothing listens on the port, and the kernel chooses it as the local port of a client on the same
// machine.
[[nodiscard]] bool may_connect_to_itself(const base::SocketAddress& server);

// Returns true if this socket, which connects to this server, is connected to itself.
[[nodiscard]] bool is_connected_to_itself(int fd, const base::SocketAddress& server) noexcept;

}  // namespace tcpserver::client
