#include "tcpserver/backlog/socket_facts.hpp"

namespace tcpserver::backlog {

std::optional<AcceptQueue> accept_queue(int) noexcept {
  return std::nullopt;
}

std::optional<std::uint32_t> dropped_by_listener(int) noexcept {
  return std::nullopt;
}

std::optional<std::uint32_t> unacknowledged_bytes(int) noexcept {
  return std::nullopt;
}

std::optional<std::uint32_t> sent_again(int) noexcept {
  return std::nullopt;
}

std::optional<std::uint64_t> somaxconn_sysctl() {
  return std::nullopt;
}

}  // namespace tcpserver::backlog
