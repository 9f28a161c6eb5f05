#include "tcpserver/server/bind_failure.hpp"

#include "tcpserver/posix/kernel_tcp.hpp"

#include <unistd.h>

#include <cerrno>

namespace tcpserver::server {

namespace {

using posix::ExitStatus;
using posix::SocketAddress;

// Whether a listener keeps `wanted` from being bound. An IPv6 wildcard may take IPv4 too.
bool collides(const SocketAddress& listening, const SocketAddress& wanted) {
  if (listening.family() != wanted.family()) return listening.family() == AF_INET6 && listening.is_wildcard();
  return listening.is_wildcard() || wanted.is_wildcard() || listening.bytes() == wanted.bytes();
}

// " by process 1234 (nc), which listens on 0.0.0.0:80", as much of it as /proc tells.
std::string user_of(const SocketAddress& wanted) {
  for (const auto& entry : posix::sockets_of_port(wanted.port())) {
    if (!collides(entry.local, wanted)) continue;
    const auto owner = posix::socket_owner(entry.inode);
    std::string who = " by a process that this user cannot see";
    if (owner && owner->pid == ::getpid()) who = " by this very server";
    if (owner && owner->pid != ::getpid()) {
      who = " by process " + std::to_string(owner->pid) + " (" + owner->name + ")";
    }
    // An outgoing connection was given the port as its own: 54321 is in Linux's range for those.
    return who +
           (entry.state == posix::tcp_state_listen ? ", which listens on " : ", which is connected from ") +
           entry.local.text();
  }
  return "";
}

std::string explanation(const SocketAddress& address, int error) {
  const std::string port = std::to_string(address.port());
  switch (error) {
    case EADDRINUSE:
      return "the address is in use" + user_of(address) + "; end that, or choose another --port or --bind";
    case EACCES: {
      if (address.port() >= posix::first_unprivileged_port()) return posix::error_text(error);
      const auto border = std::to_string(posix::first_unprivileged_port());
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

ExitStatus status_of(int error) {
  switch (error) {
    case EACCES:
      return ExitStatus::no_permission;
    case EADDRINUSE:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EINVAL:
      return ExitStatus::unavailable;
    default:
      return ExitStatus::system;  // descriptors or memory are short
  }
}

}  // namespace

posix::StartError explain_bind_failure(const SocketAddress& address, int error) {
  return {status_of(error), "cannot listen on " + address.text() + ": " + explanation(address, error)};
}

}  // namespace tcpserver::server
