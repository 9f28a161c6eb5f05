// Input: a text of the kernel, such as a line of /proc/net/tcp, /proc/net/netstat, /proc/PID/cgroup or
// /proc/PID/stat, or the target of a link in /proc/PID/fd.
#include "tcpserver/kernel/memory_limit.hpp"
#include "tcpserver/kernel/process_limit.hpp"
#include "tcpserver/kernel/process_table.hpp"
#include "tcpserver/kernel/socket_facts.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tcpserver::kernel;
  const auto text = fuzz::to_text(data, size);
  if (const auto socket = parse_tcp_table_line(text)) {
    fuzz::require(socket->local.family() == AF_INET || socket->local.family() == AF_INET6,
                  "a socket has a family");
    fuzz::require(!socket->local.text().empty(), "a socket address has a text");
  }
  if (const auto facts = parse_process_stat(text)) {
    fuzz::require(facts->pid > 0 && facts->parent >= 0, "process ids are valid");
    fuzz::require(facts->name.empty() || fuzz::is_one_plain_line(facts->name),
                  "a process name is one printable line");
  }
  static_cast<void>(parse_socket_link(text));
  static_cast<void>(parse_netstat(text));
  static_cast<void>(MemoryLimit::find(text, "/no/cgroups/here"));
  static_cast<void>(explain_fork_failure(EAGAIN, text, "/no/cgroups/here"));
  return 0;
}
