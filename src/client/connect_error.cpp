#include "tcpserver/client/connect_error.hpp"

#include "tcpserver/base/system_error.hpp"

#include "client/self_connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

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

bool is_broadcast(const SocketAddress& address) noexcept {
  return address.family() == AF_INET && address.bytes().find_first_not_of('\xff') == std::string_view::npos;
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

}  // namespace tcpserver::client
