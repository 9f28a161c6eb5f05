#include "client/self_connection.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/base/values.hpp"

#include <sys/socket.h>

#include <cstdint>

namespace tcpserver::client {

namespace {

using base::SocketAddress;

std::optional<SocketAddress> own_address(int fd) noexcept {
  SocketAddress address;
  socklen_t size = SocketAddress::storage_size;
  return ::getsockname(fd, address.storage(), &size) == 0 ? std::optional(address) : std::nullopt;
}

bool is_loopback(const SocketAddress& address) noexcept {
  return address.family() == AF_INET ? address.bytes().front() == 127
                                     : address.bytes() == SocketAddress::parse("::1", 0)->bytes();
}

}  // namespace

std::optional<SocketAddress> find_source(const SocketAddress& server) noexcept {
  const base::UniqueFd fd(::socket(server.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), server.get(), server.size()) != 0) return std::nullopt;
  return own_address(fd.get());
}

bool may_connect_to_itself(const SocketAddress& server) {
  constexpr std::size_t longest = 64;
  const auto range = base::read_file("/proc/sys/net/ipv4/ip_local_port_range", longest);
  if (range) {
    std::string_view rest = *range;
    const auto first = base::parse_number<std::uint16_t>(base::take_until(rest, '\t'));
    const auto last = base::parse_number<std::uint16_t>(base::take_until(rest, '\n'));
    if (first && last && (server.port() < *first || server.port() > *last)) return false;
  }
  if (server.is_wildcard() || is_loopback(server)) return true;
  const auto source = find_source(server);
  return source && source->bytes() == server.bytes();
}

bool is_connected_to_itself(int fd, const SocketAddress& server) noexcept {
  const auto own = own_address(fd);
  // The wildcard address stands for the loopback address (RFC 1122, section 3.2.1.3).
  return own && own->port() == server.port() && (own->bytes() == server.bytes() || server.is_wildcard());
}

}  // namespace tcpserver::client
