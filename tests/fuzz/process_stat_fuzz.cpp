// What /proc says of processes: a line of /proc/PID/stat, and a link of /proc/PID/fd.
#include "tcpserver/kernel/process_table.hpp"

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (const auto facts = tcpserver::kernel::parse_process_stat(text)) {
    fuzz::require(facts->pid > 0 && facts->parent >= 0, "its numbers are those of processes");
    fuzz::require(facts->name.empty() || fuzz::is_one_plain_line(facts->name), "its name can be shown");
  }
  static_cast<void>(tcpserver::kernel::parse_socket_link(text));
  return 0;
}
