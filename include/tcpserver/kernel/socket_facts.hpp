#pragma once

#include "tcpserver/base/socket_address.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

// Reads what the kernel reports about this process's TCP sockets and their network namespace.
namespace tcpserver::kernel {

struct AcceptQueue {
  std::uint32_t length = 0;  // connections that wait for accept
  std::uint32_t limit = 0;   // the backlog in effect; one more may wait
};

// Reads TCP_INFO of a listener: tcpi_unacked is the accept queue's length, tcpi_sacked its limit
// (net/ipv4/tcp.c, tcp_get_info). Allocates nothing. nullopt for other sockets.
[[nodiscard]] std::optional<AcceptQueue> accept_queue(int listener) noexcept;

// Reads how many segments this listener has dropped, most of them SYNs that found a queue full: sk_drops
// (SO_MEMINFO, Linux 4.12). Unlike ListenDrops, the number includes segments that anyone can send, such as
// those with a wrong MD5 signature. Wraps around at 2^32. Allocates nothing.
[[nodiscard]] std::optional<std::uint32_t> dropped_by_listener(int listener) noexcept;

// Returns the written bytes that the peer's kernel has not acknowledged (SIOCOUTQ, tcp(7)).
[[nodiscard]] std::optional<std::uint32_t> unacknowledged_bytes(int connection) noexcept;

// Returns tcpi_total_retrans, the retransmitted segments. Before the connection is established, these are
// SYNs.
[[nodiscard]] std::optional<std::uint32_t> retransmitted_segments(int connection) noexcept;

// Reads net.core.somaxconn of this network namespace. listen(2) silently reduces a larger backlog to it.
// Allocates nothing.
[[nodiscard]] std::optional<std::uint64_t> somaxconn_sysctl() noexcept;

// The limits that the kernel applies to a listener. nullopt if unknown.
struct KernelLimits {
  std::optional<std::uint64_t> somaxconn;  // net.core.somaxconn
  std::optional<std::uint32_t> in_effect;  // limit of this listener's accept queue
};

// Reads net.core.somaxconn and TCP_INFO of this listening socket.
[[nodiscard]] KernelLimits kernel_limits(int listener) noexcept;

// Reads net.ipv4.ip_unprivileged_port_start (ip(7)), usually 1024: lower ports require privilege to bind.
[[nodiscard]] unsigned first_unprivileged_port() noexcept;

// Returns true if this process has CAP_NET_BIND_SERVICE in the user namespace of its network
// (capabilities(7), user_namespaces(7)). Returns false if unknown.
[[nodiscard]] bool may_bind_privileged_ports() noexcept;

enum class Ipv6AddressState {
  unknown,
  disabled,  // no interface has an IPv6 address
  absent,    // none of this machine, or not on this interface
  usable,
  tentative,  // duplicate address detection has not finished (RFC 4862, section 5.4); bind(2) fails
  duplicate   // it has found another machine with the address
};

// Finds an address in the text of /proc/net/if_inet6 (proc_pid_net(5)).
[[nodiscard]] Ipv6AddressState find_ipv6_address(std::string_view table, const base::SocketAddress& address);

// Finds it in this network namespace. unknown without the file, or for an IPv4 address.
[[nodiscard]] Ipv6AddressState find_ipv6_address(const base::SocketAddress& address);

// Counters of all listeners of a network namespace since its creation (proc_pid_net(5), the kernel's
// Documentation/networking/snmp_counter.rst).
struct ListenCounters {
  std::uint64_t overflows = 0;  // ListenOverflows: an accept queue was full
  std::uint64_t drops = 0;      // ListenDrops: overflows, and drops for any other reason
};

// Parses the text of /proc/net/netstat: pairs of lines that begin with "TcpExt:", names above values. nullopt
// if one of the two counters is missing or malformed.
[[nodiscard]] std::optional<ListenCounters> parse_netstat(std::string_view text) noexcept;

// Reads the counters of this process's network namespace. nullopt if unknown. Allocates nothing.
[[nodiscard]] std::optional<ListenCounters> listen_counters() noexcept;

}  // namespace tcpserver::kernel
