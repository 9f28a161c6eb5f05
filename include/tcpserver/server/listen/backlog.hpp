#pragma once

#include "tcpserver/options/server_options.hpp"

#include <cstdint>
#include <optional>
#include <string>

// How long the listen queue is to be: what was asked, clamped, and what the kernel made of it.
namespace tcpserver::backlog {

struct Backlog {
  int length;          // for listen(2): 1 to SOMAXCONN
  bool clamped;        // more was asked
  std::string asked;   // the text of the request; empty where nobody asked
  std::string source;  // "--backlog", "TCPSERVER_BACKLOG"; empty: the default
};

// The request, else `largest`; never above `largest`. `largest` is SOMAXCONN but in tests.
[[nodiscard]] Backlog choose(const std::optional<options::BacklogRequest>& request, int largest);

// Its length alone, without a text: allocates nothing.
[[nodiscard]] int choose_length(const std::optional<options::BacklogRequest>& request, int largest) noexcept;

// What a listener's kernel says. Each is nothing where the system does not tell.
struct KernelLimits {
  std::optional<std::uint64_t> somaxconn;  // net.core.somaxconn: listen(2) silently cuts to it
  std::optional<std::uint32_t> in_effect;  // the accept queue's limit of this very listener
};

// What net.core.somaxconn and TCP_INFO of this listening socket say (socket_facts.hpp).
[[nodiscard]] KernelLimits kernel_limits(int listener);

// One line that says what was asked, by whom, and what is in effect:
// "backlog 128 (asked by --backlog), in effect 128 (SOMAXCONN 4096, net.core.somaxconn 4096)".
[[nodiscard]] std::string report(const Backlog& backlog, const KernelLimits& kernel, int largest);

}  // namespace tcpserver::backlog
