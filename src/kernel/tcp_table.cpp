#include "tcpserver/kernel/tcp_table.hpp"

#include "tcpserver/base/values.hpp"

#include <netdb.h>

#include <algorithm>
#include <array>
#include <fstream>

namespace tcpserver::kernel {

using base::parse_number;
using base::take_field;

namespace {

// "0100007F:D431": each 32-bit word of the address as a number of the machine's own byte order.
std::optional<base::SocketAddress> parse_endpoint(std::string_view field) {
  constexpr std::size_t digits_per_word = 8;
  const auto colon = field.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_number<std::uint16_t>(field.substr(colon + 1), 16);
  const bool six = colon == 4 * digits_per_word;
  if (!port || (!six && colon != digits_per_word)) return std::nullopt;

  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < (six ? 4U : 1U); ++i) {
    const auto word = parse_number<std::uint32_t>(field.substr(i * digits_per_word, digits_per_word), 16);
    if (!word) return std::nullopt;
    words[i] = *word;
  }
  return base::SocketAddress::from_bytes(six ? AF_INET6 : AF_INET, words.data(), *port);
}

int rank(const TcpTableEntry& entry) {
  if (entry.state == tcp_state_listen) return 0;
  return entry.inode != 0 ? 1 : 2;
}

}  // namespace

std::optional<TcpTableEntry> parse_tcp_table_line(std::string_view line) {
  // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...
  take_field(line);
  const auto local = parse_endpoint(take_field(line));
  take_field(line);
  const auto state = parse_number<unsigned>(take_field(line), 16);
  auto queues = take_field(line);
  base::take_until(queues, ':');
  const auto receive_queue = parse_number<std::uint32_t>(queues, 16);
  for (int skipped = 0; skipped < 4; ++skipped) take_field(line);
  const auto inode = parse_number<std::uint64_t>(take_field(line));
  if (!local || !state || !receive_queue || !inode) return std::nullopt;
  return TcpTableEntry{*local, *state, *receive_queue, *inode};
}

std::vector<TcpTableEntry> sockets_of_port(std::uint16_t port) {
  std::vector<TcpTableEntry> found;
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream table(path);
    for (std::string line; std::getline(table, line);) {
      const auto entry = parse_tcp_table_line(line);
      if (entry && entry->local.port() == port) found.push_back(*entry);
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const TcpTableEntry& left, const TcpTableEntry& right) {
    return rank(left) < rank(right);
  });
  return found;
}

unsigned first_unprivileged_port() {
  std::ifstream file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  unsigned port = 0;
  return file >> port ? port : IPPORT_RESERVED;
}

}  // namespace tcpserver::kernel
