#include "server/listen/backlog.hpp"

#include "tcpserver/base/values.hpp"
#include "tcpserver/kernel/socket_facts.hpp"

#include <algorithm>

namespace tcpserver::server {

int choose_length(const std::optional<BacklogRequest>& request, int largest) noexcept {
  if (!request) return largest;
  return static_cast<int>(std::min(request->value, static_cast<std::uint64_t>(largest)));
}

Backlog choose(const std::optional<BacklogRequest>& request, int largest) {
  if (!request) return {.length = largest, .clamped = false, .asked = "", .source = ""};
  return {.length = choose_length(request, largest),
          .clamped = request->value > static_cast<std::uint64_t>(largest),
          .asked = request->text,
          .source = request->source};
}

std::string report(const Backlog& backlog, const kernel::KernelLimits& kernel, int largest) {
  const std::string ceiling = std::to_string(largest);
  std::string line = "backlog ";
  if (backlog.source.empty()) {
    line += std::to_string(backlog.length) + " (nobody asked: the default, SOMAXCONN)";
  } else if (backlog.clamped) {
    line += base::in_quotes(backlog.asked) + " (asked by " + backlog.source + ") is clamped to SOMAXCONN";
  } else {
    line += std::to_string(backlog.length) + " (asked by " + backlog.source + ")";
  }
  const auto length = static_cast<std::uint64_t>(backlog.length);
  const bool kernel_cuts = kernel.in_effect && *kernel.in_effect < length;
  line +=
      kernel.in_effect ? ", in effect " + std::to_string(*kernel.in_effect) : ", in effect: not known here";
  if (kernel_cuts) line += " because the kernel cuts it";
  line += " (SOMAXCONN " + ceiling + ", net.core.somaxconn ";
  line += (kernel.somaxconn ? std::to_string(*kernel.somaxconn) : "not known here") + ")";
  return line;
}

}  // namespace tcpserver::server
