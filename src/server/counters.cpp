#include "tcpserver/server/counters.hpp"

namespace tcpserver::server {

void Counters::count_end(SessionEnd end, const SessionBytes& bytes) noexcept {
  ++ended[static_cast<std::size_t>(end)];
  bytes_in += bytes.in.load(std::memory_order_relaxed);
  bytes_out += bytes.out.load(std::memory_order_relaxed);
}

std::string status_text(const Counters& counters, std::uint32_t open, std::uint32_t most) {
  std::string text = std::to_string(open) + " of " + std::to_string(most) + " sessions open, " +
                     std::to_string(counters.accepted) + " accepted, ended:";
  bool any = false;
  for (std::size_t i = 0; i < counters.ended.size(); ++i) {
    if (counters.ended[i] == 0) continue;
    text += any ? ", " : " ";
    text += std::to_string(counters.ended[i]) + " " + text_of(static_cast<SessionEnd>(i));
    any = true;
  }
  if (!any) text += " none";
  text += "; " + std::to_string(counters.fork_failures) + " failed forks, " +
          std::to_string(counters.accept_errors) + " accept errors; " + std::to_string(counters.bytes_in) +
          " bytes in, " + std::to_string(counters.bytes_out) + " out";
  return text;
}

}  // namespace tcpserver::server
