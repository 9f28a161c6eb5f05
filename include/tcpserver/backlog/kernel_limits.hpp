#pragma once

#include "tcpserver/backlog/backlog.hpp"

namespace tcpserver::backlog {

// Asks the kernel about a listening socket. Linux: tcpi_sacked of TCP_INFO, which for a listener is the
// limit of its accept queue (net/ipv4/tcp.c, tcp_get_info), and /proc/sys/net/core/somaxconn, which belongs
// to the network namespace (tcp(7), listen(2)). Elsewhere nothing is known.
[[nodiscard]] KernelLimits kernel_limits(int listener);

}  // namespace tcpserver::backlog
