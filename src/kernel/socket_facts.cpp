#include "tcpserver/kernel/socket_facts.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/base/values.hpp"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>

namespace tcpserver::kernel {

namespace {

std::optional<tcp_info> read_tcp_info(int socket) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  return info;
}

std::optional<std::uint64_t> read_sysctl(const char* path) noexcept {
  const base::UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::array<char, 32> text;
  const auto size = base::read_some(fd.get(), text.data(), text.size());
  if (size <= 0) return std::nullopt;
  std::string_view line(text.data(), static_cast<std::size_t>(size));
  return base::parse_number<std::uint64_t>(base::take_until(line, '\n'));
}

}  // namespace

std::optional<AcceptQueue> accept_queue(int listener) noexcept {
  const auto info = read_tcp_info(listener);
  if (!info || info->tcpi_state != TCP_LISTEN) return std::nullopt;
  return AcceptQueue{.length = info->tcpi_unacked, .limit = info->tcpi_sacked};
}

std::optional<std::uint32_t> unacknowledged_bytes(int connection) noexcept {
  int bytes = 0;
  if (::ioctl(connection, SIOCOUTQ, &bytes) != 0) return std::nullopt;
  return static_cast<std::uint32_t>(bytes);
}

std::optional<std::uint32_t> retransmitted_segments(int connection) noexcept {
  const auto info = read_tcp_info(connection);
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

std::optional<std::uint64_t> somaxconn_sysctl() noexcept {
  return read_sysctl("/proc/sys/net/core/somaxconn");
}

KernelLimits kernel_limits(int listener) noexcept {
  KernelLimits limits{.somaxconn = somaxconn_sysctl(), .in_effect = std::nullopt};
  if (const auto queue = accept_queue(listener)) limits.in_effect = queue->limit;
  return limits;
}

unsigned first_unprivileged_port() noexcept {
  const auto port = read_sysctl("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  return static_cast<unsigned>(port.value_or(IPPORT_RESERVED));
}

std::optional<ListenCounters> parse_netstat(std::string_view text) noexcept {
  constexpr std::string_view group = "TcpExt:";
  while (!text.empty()) {
    auto names = base::take_until(text, '\n');
    auto values = base::take_until(text, '\n');
    if (!names.starts_with(group) || !values.starts_with(group)) continue;
    std::optional<std::uint64_t> overflows;
    std::optional<std::uint64_t> drops;
    while (!names.empty() && !values.empty()) {
      const auto name = base::take_until(names, ' ');
      const auto value = base::parse_number<std::uint64_t>(base::take_until(values, ' '));
      if (name == "ListenOverflows") overflows = value;
      if (name == "ListenDrops") drops = value;
    }
    if (!overflows || !drops) return std::nullopt;
    return ListenCounters{*overflows, *drops};
  }
  return std::nullopt;
}

std::optional<ListenCounters> listen_counters() noexcept {
  const base::UniqueFd fd(::open("/proc/net/netstat", O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::array<char, 16384> text;  // TcpExt comes first, with about 130 names and values, 5 KiB on Linux 6.18
  std::size_t size = 0;
  while (size < text.size()) {
    const auto got = base::read_some(fd.get(), text.data() + size, text.size() - size);
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  return parse_netstat({text.data(), size});
}

}  // namespace tcpserver::kernel
