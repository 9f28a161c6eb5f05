#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

// Facts from the kernel about TCP sockets of this process and their network namespace.
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

// Ports below this one take a privilege to bind: net.ipv4.ip_unprivileged_port_start (ip(7)), usually 1024.
[[nodiscard]] unsigned first_unprivileged_port();

// Counters of all listeners of a network namespace since it was made (proc_pid_net(5), the kernel's
// Documentation/networking/snmp_counter.rst).
struct ListenCounters {
  std::uint64_t overflows = 0;  // ListenOverflows: an accept queue was full
  std::uint64_t drops = 0;      // ListenDrops: those, and what a listener dropped for any other reason
};

// The text of /proc/net/netstat: pairs of lines that begin with "TcpExt:", names above figures. nullopt if
// one of the two counters is missing or no number.
[[nodiscard]] std::optional<ListenCounters> parse_netstat(std::string_view text) noexcept;

// Reads those of this process's network namespace. nullopt if unknown. Allocates nothing.
[[nodiscard]] std::optional<ListenCounters> listen_counters() noexcept;

}  // namespace tcpserver::kernel
