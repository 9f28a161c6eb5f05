#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/kernel/socket_facts.hpp"
#include "tcpserver/server/options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::server {

struct Listener {
  base::UniqueFd fd;  // non-blocking
  base::SocketAddress address;
};

struct ListenRequest {
  std::vector<base::SocketAddress> addresses;  // empty: every IPv6 and every IPv4 address
  std::uint16_t port = 0;                      // 0: one free port for all addresses
  int backlog = 0;
  base::Duration idle_timeout{};  // for the connections; zero: never
};

struct Listening {
  std::vector<Listener> listeners;  // at least one, all on the same port
  std::string left_out;             // one line where "every address" had to leave a family out, else empty
};

// socket, bind, listen for each address. Connections inherit what is set here once: TCP_NODELAY,
// SO_KEEPALIVE, SO_OOBINLINE, SO_RCVTIMEO, SO_SNDTIMEO. IPv6 listeners take IPv6 alone (IPV6_V6ONLY), so that
// both families can have the same port and a peer's address is never IPv4 in IPv6's clothes. Throws
// StartError where one of the addresses cannot be had: status unavailable, no_permission or system.
[[nodiscard]] Listening open_listeners(const ListenRequest& request);

// Sets what connections inherit, on a socket that has another origin. Throws StartError (system).
void set_inherited_options(int fd, base::Duration idle_timeout);

// Returns the backlog for listen(2): the request, else `largest`; never above it. `largest` is SOMAXCONN
// except in tests.
[[nodiscard]] int choose_backlog(const std::optional<BacklogRequest>& request, int largest) noexcept;

// Describes the backlog in one line: who asked for it, and what the kernel made of it.
// "backlog 128 (asked by --backlog), in effect 128 (SOMAXCONN 4096, net.core.somaxconn 4096)"
[[nodiscard]] std::string describe_backlog(const std::optional<BacklogRequest>& request,
                                           const kernel::KernelLimits& kernel, int largest);

// On a listener that is in use: listen(2) again, of which Linux takes the new limit at once; and the
// time-outs of connections to come. Who waits or is served keeps what it has. False with errno where it
// cannot be.
[[nodiscard]] bool set_backlog(const Listener& listener, int backlog) noexcept;
[[nodiscard]] bool set_idle_timeout(const Listener& listener, base::Duration idle_timeout) noexcept;

}  // namespace tcpserver::server
