#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/kernel/socket_facts.hpp"
#include "tcpserver/server/listen/listeners.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::server {

// Opens a listener for each address of the options, or for all IPv6 and all IPv4 addresses, on the same port.
// Sets the options that connections inherit: TCP_NODELAY, SO_KEEPALIVE, SO_OOBINLINE, SO_RCVTIMEO,
// SO_SNDTIMEO, TCP_USER_TIMEOUT. IPv6 listeners accept only IPv6 (IPV6_V6ONLY), so that both families can use
// the same port and no peer has an IPv4-mapped address. Without --bind, a family that cannot be used is
// skipped and the cause is logged. Waits up to two seconds for a tentative IPv6 address. Throws StartError if
// an address is not available: status unavailable, no_permission or system.
[[nodiscard]] std::vector<Listener> open_listeners(const ServerOptions& options, Log& log);

struct BindFailure {
  base::SocketAddress address;
  const char* call;  // "socket", "setsockopt", "bind" or "listen"
  int error;         // its errno
};

// Explains the failure and says what to do. If the address is in use, searches /proc for the process that has
// it.
[[nodiscard]] std::string explain(const BindFailure& failure);

// Returns the error for an address of --bind, or, if there are two failures, for all IPv6 and all IPv4
// addresses. The status is no_permission if that caused any of them.
[[nodiscard]] base::StartError bind_error(const std::vector<BindFailure>& failures);

// Takes the listening sockets that a service manager passed: `count` descriptors from 3 on
// (sd_listen_fds(3)). Makes them non-blocking and close-on-exec, and sets the options that connections
// inherit. Keeps their backlog. Throws StartError (usage) for a descriptor that is not a listening TCP
// socket.
[[nodiscard]] std::vector<Listener> inherit_listeners(int count, base::Duration idle_timeout);

// Sets the options that connections inherit. Throws StartError (system).
void set_inherited_options(int fd, base::Duration idle_timeout);

// Sets the timeouts of future connections; zero disables them. Returns false with errno on failure.
[[nodiscard]] bool set_timeouts(int fd, base::Duration idle_timeout) noexcept;

// Returns the local address of a socket. Throws StartError (system).
[[nodiscard]] base::SocketAddress local_address(int fd);

// Returns the backlog for listen(2): the request, at most `largest`, or `largest` without a request. For max
// it is INT_MAX, which the kernel reduces to net.core.somaxconn.
// `largest` is SOMAXCONN except in tests.
[[nodiscard]] int choose_backlog(const std::optional<BacklogRequest>& request, int largest) noexcept;

// Describes the backlog in effect and where it comes from:
// "listen queue: 128 (--backlog; kernel maximum 4096)". `before` is the length before a reload, if it
// changed.
[[nodiscard]] std::string describe_backlog(const std::optional<BacklogRequest>& request,
                                           const kernel::KernelLimits& kernel, int largest,
                                           std::optional<std::uint32_t> before = std::nullopt);

}  // namespace tcpserver::server
