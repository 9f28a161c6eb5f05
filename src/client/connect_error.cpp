#include "tcpserver/client/connect_error.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/base/values.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <optional>

namespace tcpserver::client {

namespace {

using base::SocketAddress;

constexpr struct {
  int error;
  const char* advice;
} advices[] = {
    {ECONNREFUSED, "is the server running?"},
    {ETIMEDOUT, "is its listen queue full, or does a firewall drop packets?"},
    {ENETUNREACH, "no route to this network; see ip-route(8)"},
    {EHOSTUNREACH, "the host is down, or a firewall rejects packets"},
    {EACCES, "a firewall or a security policy forbids it"},
    {EPERM, "a firewall or a security policy forbids it"},
};

std::optional<SocketAddress> own_address(int fd) noexcept {
  SocketAddress address;
  socklen_t size = SocketAddress::storage_size;
  return ::getsockname(fd, address.storage(), &size) == 0 ? std::optional(address) : std::nullopt;
}

// Returns the address that the kernel chooses for connections to this server. Sends nothing: connecting a UDP
// socket only looks up the route (udp(7)).
std::optional<SocketAddress> find_source(const SocketAddress& server) noexcept {
  const base::UniqueFd fd(::socket(server.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), server.get(), server.size()) != 0) return std::nullopt;
  return own_address(fd.get());
}

bool is_broadcast(const SocketAddress& address) noexcept {
  return address.family() == AF_INET && address.bytes().find_first_not_of('\xff') == std::string_view::npos;
}

bool is_loopback(const SocketAddress& address) noexcept {
  return address.family() == AF_INET ? address.bytes().front() == 127
                                     : address.bytes() == SocketAddress::parse("::1", 0)->bytes();
}

}  // namespace

std::string to_string(const ConnectFailure& failure) {
  return failure.error + (failure.advice.empty() ? "" : " (" + failure.advice + ")");
}

ConnectFailure explain_connect_error(const SocketAddress& server, int error) {
  const std::string family = server.family() == AF_INET6 ? "IPv6" : "IPv4";
  const auto text = base::error_text(error);
  if (server.needs_scope() && error == EINVAL)
    return {"a link-local address needs an interface, such as " + server.host_text() + "%eth0", ""};
  if (server.is_multicast() || is_broadcast(server)) return {text, "TCP needs the address of one host"};
  if (error == EAFNOSUPPORT || error == EPROTONOSUPPORT || error == ESOCKTNOSUPPORT)
    return {text, "this system has no " + family};
  if (lacks_local_port(server, error)) return {text, "no free local port"};
  if (error == EADDRNOTAVAIL) return {text, "this machine has no " + family + " address"};
  const auto* const found = std::find_if(std::begin(advices), std::end(advices),
                                         [error](const auto& row) { return row.error == error; });
  return {text, found == std::end(advices) ? "" : found->advice};
}

bool lacks_local_port(const SocketAddress& server, int error) noexcept {
  return error == EADDRINUSE || (error == EADDRNOTAVAIL && find_source(server));
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
