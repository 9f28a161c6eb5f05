#pragma once

#include <cstdint>
#include <optional>

// Facts from the kernel about a TCP socket of this process.
namespace tcpserver::kernel {

struct AcceptQueue {
  std::uint32_t length = 0;  // connections that wait for accept
  std::uint32_t limit = 0;   // the backlog in effect. Linux lets one more wait: length reaches limit + 1
};

// TCP_INFO of a listener: tcpi_unacked is the accept queue's length, tcpi_sacked its limit (net/ipv4/tcp.c,
// tcp_get_info). Allocates nothing. Nothing for what is not a listening socket.
[[nodiscard]] std::optional<AcceptQueue> accept_queue(int listener) noexcept;

// How many segments this listener dropped since it was made, most of them SYNs that found a queue full: the
// socket's own sk_drops (SO_MEMINFO, Linux 4.12). It counts for one listener what ListenDrops counts for all
// of a network namespace, and more that anybody can cause, such as a wrong MD5 signature. Wraps around at
// 2^32. Allocates nothing.
[[nodiscard]] std::optional<std::uint32_t> dropped_by_listener(int listener) noexcept;

// Bytes that were written to this connection and that its peer's kernel has not acknowledged (SIOCOUTQ,
// tcp(7)).
[[nodiscard]] std::optional<std::uint32_t> unacknowledged_bytes(int connection) noexcept;

// Segments of this connection that were sent again; until it is established these are SYNs
// (tcpi_total_retrans).
[[nodiscard]] std::optional<std::uint32_t> sent_again(int connection) noexcept;

// net.core.somaxconn, to which listen(2) cuts a backlog in silence. It belongs to the network namespace.
[[nodiscard]] std::optional<std::uint64_t> somaxconn_sysctl();

// The limits that the kernel applies to a listener. nullopt if unknown.
struct KernelLimits {
  std::optional<std::uint64_t> somaxconn;  // net.core.somaxconn: listen(2) silently cuts to it
  std::optional<std::uint32_t> in_effect;  // the accept queue's limit of this very listener
};

// Reads net.core.somaxconn and TCP_INFO of this listening socket.
[[nodiscard]] KernelLimits kernel_limits(int listener);

}  // namespace tcpserver::kernel
