#include "tcpserver/server/bind_failure.hpp"

#include "tcpserver/posix/tcp_table.hpp"

#include <unistd.h>

#include <cerrno>
#include <fstream>

namespace tcpserver::server {

namespace {

using posix::ExitStatus;
using posix::SocketAddress;

// Linux lets the administrator move the border (ip(7)); everywhere else it is IPPORT_RESERVED.
unsigned first_unprivileged_port() {
  std::ifstream file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  unsigned port = 1024;
  file >> port;
  return port;
}

// Whether a listener keeps `wanted` from being bound. An IPv6 wildcard may take IPv4 too.
bool collides(const SocketAddress& listening, const SocketAddress& wanted) {
  if (listening.family() != wanted.family()) return listening.family() == AF_INET6 && listening.is_wildcard();
  return listening.is_wildcard() || wanted.is_wildcard() || listening.bytes() == wanted.bytes();
}

// "by process 1234 (nc), which listens on 0.0.0.0:80", as much of it as /proc tells.
std::string user_of(const SocketAddress& wanted) {
  for (const auto& entry : posix::listening_sockets(wanted.port())) {
    if (!collides(entry.local, wanted)) continue;
    const auto owner = posix::socket_owner(entry.inode);
    if (!owner) return " by a process of another user, which listens on " + entry.local.text();
    const std::string who = owner->pid == ::getpid()
                                ? "this very server"
                                : "process " + std::to_string(owner->pid) + " (" + owner->name + ")";
    return " by " + who + ", which listens on " + entry.local.text();
  }
  return "";
}

std::string explanation(const SocketAddress& address, int error) {
  const std::string port = std::to_string(address.port());
  switch (error) {
    case EADDRINUSE:
      return "the address is in use" + user_of(address) + "; end that, or choose another --port or --bind";
    case EACCES: {
      const auto border = std::to_string(first_unprivileged_port());
      return "port " + port + " is privileged: below " + border +
             " it takes root or CAP_NET_BIND_SERVICE; choose --port " + border + " or above";
    }
    case EADDRNOTAVAIL:
      return "it is not an address of this machine; choose another --bind";
    case EAFNOSUPPORT:
      return std::string("this machine has no ") + (address.family() == AF_INET6 ? "IPv6" : "IPv4") +
             "; choose another --bind";
    case EINVAL:
      return "a link-local address needs its interface: --bind " + address.host_text() + "%eth0, for example";
    default:
      return posix::error_text(error);
  }
}

}  // namespace

posix::StartError explain_bind_failure(const SocketAddress& address, int error) {
  const auto status = error == EACCES ? ExitStatus::no_permission : ExitStatus::unavailable;
  return {status, "cannot listen on " + address.text() + ": " + explanation(address, error)};
}

}  // namespace tcpserver::server
