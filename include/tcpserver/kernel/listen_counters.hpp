#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tcpserver::kernel {

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
