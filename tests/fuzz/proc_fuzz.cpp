// The kernel's texts: a line of /proc/net/tcp, /proc/net/netstat and /proc/PID/cgroup.
#include "tcpserver/kernel/memory_limit.hpp"
#include "tcpserver/kernel/socket_facts.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (const auto entry = tcpserver::kernel::parse_tcp_table_line(text)) {
    fuzz::require(entry->local.family() == AF_INET || entry->local.family() == AF_INET6, "it has a family");
    fuzz::require(!entry->local.text().empty(), "it can be shown");
  }
  static_cast<void>(tcpserver::kernel::parse_netstat(text));
  static_cast<void>(tcpserver::kernel::MemoryLimit::find(text, "/no/cgroups/here"));
  return 0;
}
