#include "tcpserver/posix/kernel_tcp.hpp"

#include <netdb.h>

namespace tcpserver::posix {

std::optional<TcpTableEntry> parse_tcp_table_line(std::string_view) {
  return std::nullopt;
}

std::vector<TcpTableEntry> sockets_of_port(std::uint16_t) {
  return {};
}

unsigned first_unprivileged_port() {
  return IPPORT_RESERVED;
}

std::optional<SocketOwner> socket_owner(std::uint64_t) {
  return std::nullopt;
}

}  // namespace tcpserver::posix
