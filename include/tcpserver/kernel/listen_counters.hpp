#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tcpserver::kernel {

// Counters of one network namespace, of all its listeners together, since it was made (proc_pid_net(5),
// Documentation/networking/snmp_counter.rst of the kernel).
struct ListenCounters {
  std::uint64_t overflows = 0;  // ListenOverflows: an accept queue was full
  std::uint64_t drops = 0;      // ListenDrops: those, and what a listener dropped for any other reason
};

// From the text of /proc/net/netstat: pairs of lines, names above and figures below, each begun by "TcpExt:".
// Nothing where one of the two is missing or no number.
[[nodiscard]] std::optional<ListenCounters> parse_netstat(std::string_view text) noexcept;

// Of the network namespace of this process. Nothing where the system does not tell. Allocates nothing.
[[nodiscard]] std::optional<ListenCounters> listen_counters() noexcept;

}  // namespace tcpserver::kernel
