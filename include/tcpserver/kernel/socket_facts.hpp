#pragma once

#include <cstdint>
#include <optional>

// Facts from the kernel about a TCP socket of this process.
namespace tcpserver::kernel {

struct AcceptQueue {
  std::uint32_t length = 0;  // connections that wait for accept
  std::uint32_t limit = 0;   // the backlog in effect; one more may wait
};

// TCP_INFO of a listener: tcpi_unacked is the accept queue's length, tcpi_sacked its limit (net/ipv4/tcp.c,
// tcp_get_info). Allocates nothing. nullopt for other sockets.
[[nodiscard]] std::optional<AcceptQueue> accept_queue(int listener) noexcept;

// Segments that this listener dropped since it was made, most of them SYNs that found a queue full: sk_drops
// (SO_MEMINFO, Linux 4.12). Beyond what ListenDrops counts, it counts segments that anybody can send, such as
// those with a wrong MD5 signature. Wraps around at 2^32. Allocates nothing.
[[nodiscard]] std::optional<std::uint32_t> dropped_by_listener(int listener) noexcept;

// Bytes written to this connection that the peer's kernel has not acknowledged (SIOCOUTQ, tcp(7)).
[[nodiscard]] std::optional<std::uint32_t> unacknowledged_bytes(int connection) noexcept;

// Retransmitted segments of this connection (tcpi_total_retrans); until it is established these are SYNs.
[[nodiscard]] std::optional<std::uint32_t> sent_again(int connection) noexcept;

// net.core.somaxconn of this network namespace: listen(2) silently cuts a backlog to it.
[[nodiscard]] std::optional<std::uint64_t> somaxconn_sysctl();

// The limits that the kernel applies to a listener. nullopt if unknown.
struct KernelLimits {
  std::optional<std::uint64_t> somaxconn;  // net.core.somaxconn
  std::optional<std::uint32_t> in_effect;  // the accept queue's limit of this very listener
};

// Reads net.core.somaxconn and TCP_INFO of this listening socket.
[[nodiscard]] KernelLimits kernel_limits(int listener);

}  // namespace tcpserver::kernel
