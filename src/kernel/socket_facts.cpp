#include "tcpserver/kernel/socket_facts.hpp"

#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <fstream>

namespace tcpserver::kernel {

namespace {

std::optional<tcp_info> info_of(int socket) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  return info;
}

}  // namespace

std::optional<AcceptQueue> accept_queue(int listener) noexcept {
  const auto info = info_of(listener);
  if (!info || info->tcpi_state != TCP_LISTEN) return std::nullopt;
  return AcceptQueue{.length = info->tcpi_unacked, .limit = info->tcpi_sacked};
}

std::optional<std::uint32_t> unacknowledged_bytes(int connection) noexcept {
  int bytes = 0;
  if (::ioctl(connection, SIOCOUTQ, &bytes) != 0) return std::nullopt;
  return static_cast<std::uint32_t>(bytes);
}

std::optional<std::uint32_t> sent_again(int connection) noexcept {
  const auto info = info_of(connection);
  if (!info) return std::nullopt;
  return info->tcpi_total_retrans;
}

std::optional<std::uint32_t> dropped_by_listener(int listener) noexcept {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof memory;
  if (::getsockopt(listener, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0) return std::nullopt;
  if (size <= SK_MEMINFO_DROPS * sizeof memory[0]) return std::nullopt;
  return memory[SK_MEMINFO_DROPS];
}

std::optional<std::uint64_t> somaxconn_sysctl() {
  std::ifstream file("/proc/sys/net/core/somaxconn");
  if (std::uint64_t value = 0; file >> value) return value;
  return std::nullopt;
}

KernelLimits kernel_limits(int listener) {
  KernelLimits limits{.somaxconn = somaxconn_sysctl(), .in_effect = std::nullopt};
  if (const auto queue = accept_queue(listener)) limits.in_effect = queue->limit;
  return limits;
}

}  // namespace tcpserver::kernel
