#pragma once

#include "tcpserver/backlog/port_observer.hpp"

#include <cstdint>
#include <string>
#include <string_view>

// The messages of sock_diag(7), apart from the socket that carries them. Linux only.
namespace tcpserver::backlog {

// The request for every listening socket of a port, and, where asked for, for its connections in SYN_RECV.
// `family` is AF_INET or AF_INET6.
[[nodiscard]] std::string sock_diag_request(int family, std::uint16_t port, PortObserver::Look what);

enum class DiagReply { more, done, failed };

// Adds what one datagram of the reply tells of the port to the picture. Whatever the bytes are, nothing is
// read beyond them: `failed` for what is no reply.
[[nodiscard]] DiagReply read_sock_diag(std::string_view datagram, std::uint16_t port, PortPicture& picture);

}  // namespace tcpserver::backlog
