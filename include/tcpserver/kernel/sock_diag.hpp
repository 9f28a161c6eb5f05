#pragma once

#include "tcpserver/kernel/port_observer.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

struct inet_diag_msg;

// The messages of sock_diag(7), apart from the socket that carries them. Linux only.
namespace tcpserver::kernel {

// The request for every listening socket of a port, and, where asked for, for its connections in SYN_RECV.
// `family` is AF_INET or AF_INET6.
[[nodiscard]] std::string sock_diag_request(int family, std::uint16_t port, PortObserver::Look what);

// Of any port (0) or of this one; every socket in one of these states, a bit (1 << state) each, with these
// attributes, a bit (1 << (INET_DIAG_... - 1)) each.
[[nodiscard]] std::string sock_diag_request(int family, std::uint16_t port, std::uint32_t states,
                                            std::uint8_t attributes);

enum class DiagReply { more, done, failed };

// Calls visit(socket, attributes) for each socket of one datagram of the reply, until it returns false, which
// means `failed` too.
using VisitSocket = std::function<bool(const inet_diag_msg& socket, std::string_view attributes)>;
[[nodiscard]] DiagReply for_each_socket(std::string_view datagram, const VisitSocket& visit);

// The payload of the first attribute of this type. Nothing: there is none.
[[nodiscard]] std::optional<std::string_view> attribute_of(std::string_view attributes, std::uint16_t type);

// The socket's own address, and its peer's. Nothing for what is neither IPv4 nor IPv6.
[[nodiscard]] std::optional<base::SocketAddress> local_of(const inet_diag_msg& socket);
[[nodiscard]] std::optional<base::SocketAddress> peer_of(const inet_diag_msg& socket);

// Adds what one datagram of the reply tells of the port to the picture. Whatever the bytes are, nothing is
// read beyond them: `failed` for what is no reply.
[[nodiscard]] DiagReply read_sock_diag(std::string_view datagram, std::uint16_t port, PortPicture& picture);

}  // namespace tcpserver::kernel
