#pragma once

#include "tcpserver/kernel/socket_facts.hpp"
#include "tcpserver/server/options.hpp"

#include <cstdint>
#include <optional>
#include <string>

// How long the listen queue is to be: what was asked, clamped, and what the kernel made of it.
namespace tcpserver::server {

struct Backlog {
  int length;          // for listen(2): 1 to SOMAXCONN
  bool clamped;        // more was asked
  std::string asked;   // the text of the request; empty where nobody asked
  std::string source;  // "--backlog", "TCPSERVER_BACKLOG"; empty: the default
};

// The request, else `largest`; never above `largest`. `largest` is SOMAXCONN but in tests.
[[nodiscard]] Backlog choose(const std::optional<BacklogRequest>& request, int largest);

// Its length alone, without a text: allocates nothing.
[[nodiscard]] int choose_length(const std::optional<BacklogRequest>& request, int largest) noexcept;

// One line that says what was asked, by whom, and what is in effect:
// "backlog 128 (asked by --backlog), in effect 128 (SOMAXCONN 4096, net.core.somaxconn 4096)".
[[nodiscard]] std::string report(const Backlog& backlog, const kernel::KernelLimits& kernel, int largest);

}  // namespace tcpserver::server
