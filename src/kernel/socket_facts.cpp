#include "tcpserver/kernel/socket_facts.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/base/values.hpp"

#include "kernel/read_number.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_addr.h>
#include <linux/nsfs.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>

namespace tcpserver::kernel {

namespace {

std::optional<tcp_info> read_tcp_info(int socket) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  return info;
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
  return read_number("/proc/sys/net/core/somaxconn");
}

KernelLimits kernel_limits(int listener) noexcept {
  KernelLimits limits{.somaxconn = somaxconn_sysctl(), .in_effect = std::nullopt};
  if (const auto queue = accept_queue(listener)) limits.in_effect = queue->limit;
  return limits;
}

unsigned first_unprivileged_port() noexcept {
  const auto port = read_number("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  return static_cast<unsigned>(port.value_or(IPPORT_RESERVED));
}

bool may_bind_privileged_ports() noexcept {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> words{};
  if (::syscall(SYS_capget, &header, words.data()) != 0) return false;
  if ((words[0].effective & CAP_TO_MASK(CAP_NET_BIND_SERVICE)) == 0) return false;
  const base::UniqueFd network(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  const base::UniqueFd owner(network ? ::ioctl(network.get(), NS_GET_USERNS) : -1);
  struct stat owning {};
  struct stat own {};
  return owner && ::fstat(owner.get(), &owning) == 0 && ::stat("/proc/self/ns/user", &own) == 0 &&
         owning.st_ino == own.st_ino;
}

Ipv6AddressState find_ipv6_address(std::string_view table, const base::SocketAddress& address) {
  std::string wanted;
  for (const char byte : address.bytes()) {
    wanted += base::format_text("%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
  }
  if (table.empty()) return Ipv6AddressState::disabled;
  while (!table.empty()) {
    // address index prefix_length scope flags name; all numbers are hexadecimal
    auto line = base::take_until(table, '\n');
    if (base::take_field(line) != wanted) continue;
    const auto index = base::parse_number<std::uint32_t>(base::take_field(line), 16);
    base::take_field(line);
    base::take_field(line);
    const auto flags = base::parse_number<std::uint32_t>(base::take_field(line), 16);
    if (!index || !flags || (address.scope() != 0 && *index != address.scope())) continue;
    if ((*flags & IFA_F_DADFAILED) != 0) return Ipv6AddressState::duplicate;
    return (*flags & IFA_F_TENTATIVE) != 0 ? Ipv6AddressState::tentative : Ipv6AddressState::usable;
  }
  return Ipv6AddressState::absent;
}

Ipv6AddressState find_ipv6_address(const base::SocketAddress& address) {
  constexpr std::size_t largest_table = 1 << 20;
  if (address.family() != AF_INET6) return Ipv6AddressState::unknown;
  const auto table = base::read_file("/proc/net/if_inet6", largest_table);
  return table ? find_ipv6_address(*table, address) : Ipv6AddressState::unknown;
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
