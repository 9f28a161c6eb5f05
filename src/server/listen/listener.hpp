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

// Opens a listener for each address of the options, or for every IPv6 and every IPv4 address; all have the
// same port. Connections inherit what is set here once: TCP_NODELAY, SO_KEEPALIVE, SO_OOBINLINE, SO_RCVTIMEO,
// SO_SNDTIMEO, TCP_USER_TIMEOUT. IPv6 listeners take only IPv6 (IPV6_V6ONLY), so that both families can have
// the same port and no peer has an IPv4-mapped address. Logs if this machine lacks a family. Throws
// StartError if an address is not available: status unavailable, no_permission or system.
[[nodiscard]] std::vector<Listener> open_listeners(const ServerOptions& options, Log& log);

// Returns why this address is not available and what to do about it, in one line with the exit status.
// `error` is the errno of socket, bind or listen. If the address is in use, searches /proc for its owner.
[[nodiscard]] base::StartError explain_bind_failure(const base::SocketAddress& address, int error);

// Takes over the listening sockets that a service manager opened and keeps: the `count` descriptors from 3 on
// (sd_listen_fds(3)). Makes them non-blocking and close-on-exec, and sets the options that connections
// inherit; their backlog stays. Throws StartError (usage) for a descriptor that is no listening TCP socket.
[[nodiscard]] std::vector<Listener> inherit_listeners(int count, base::Duration idle_timeout);

// Sets what connections inherit. Throws StartError (system).
void set_inherited_options(int fd, base::Duration idle_timeout);

// Sets the timeouts of future connections; zero: never. Returns false with errno on failure.
[[nodiscard]] bool set_timeouts(int fd, base::Duration idle_timeout) noexcept;

// Reads a socket's own address. Throws StartError (system).
[[nodiscard]] base::SocketAddress local_address(int fd);

// Returns the backlog for listen(2): the request, else `largest`; never above it. `largest` is SOMAXCONN
// except in tests.
[[nodiscard]] int choose_backlog(const std::optional<BacklogRequest>& request, int largest) noexcept;

// Describes the backlog in one line: who asked for it, and what the kernel made of it.
// "backlog 128 (asked by --backlog), in effect 128 (SOMAXCONN 4096, net.core.somaxconn 4096)"
[[nodiscard]] std::string describe_backlog(const std::optional<BacklogRequest>& request,
                                           const kernel::KernelLimits& kernel, int largest);

}  // namespace tcpserver::server
