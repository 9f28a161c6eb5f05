#include "server/listen/bind_failure.hpp"

#include "tcpserver/kernel/process_table.hpp"
#include "tcpserver/kernel/socket_facts.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"

#include <unistd.h>

#include <cerrno>
#include <optional>

namespace tcpserver::server {

namespace {

using base::ExitStatus;
using base::SocketAddress;

bool collides(const SocketAddress& present, const SocketAddress& wanted) {
  if (present.family() != wanted.family()) return false;
  return present.is_wildcard() || wanted.is_wildcard() || present.bytes() == wanted.bytes();
}

// The socket that is in the way, if the kernel tells.
std::optional<kernel::TcpSocket> socket_in_the_way(const SocketAddress& wanted) {
  const auto sockets = kernel::sockets_of_port(wanted.port());
  for (const auto& socket : sockets) {
    if (collides(socket.local, wanted)) return socket;
  }
  // An IPv6 wildcard takes IPv4 too, unless it is IPV6_V6ONLY, which the table does not tell: the last guess.
  for (const auto& socket : sockets) {
    if (socket.local.family() == AF_INET6 && socket.local.is_wildcard()) return socket;
  }
  return std::nullopt;
}

std::string port_text(const SocketAddress& address) {
  return std::to_string(address.port());
}

// Who has the address and what to do about it, as much of it as /proc tells.
std::string explain_address_in_use(const SocketAddress& wanted) {
  const std::string in_use = "the address is in use";
  const auto socket = socket_in_the_way(wanted);
  if (!socket) return in_use + "; choose another --port or --bind";
  if (socket->inode == 0) {  // no descriptor anywhere: the kernel alone still has it
    return in_use + " by a connection from " + socket->local.text() +
           " that is still closing; try again soon";
  }
  const bool listens = socket->state == kernel::tcp_state_listen;
  const std::string how =
      (listens ? ", which listens on " : ", which is connected from ") + socket->local.text();
  const auto owner = kernel::find_socket_owner(socket->inode);
  if (!owner)
    return in_use + " by a process that this user cannot see" + how + "; choose another --port or --bind";
  if (owner->pid == ::getpid()) return in_use + " by this very server" + how + ": leave one --bind out";
  return in_use + " by process " + std::to_string(owner->pid) + " (" + owner->name + ")" + how +
         (listens ? "; end that, or choose another --port or --bind"
                  : "; try again later, or choose another --port");
}

std::string explanation(const SocketAddress& address, int error) {
  switch (error) {
    case EADDRINUSE:
      return explain_address_in_use(address);
    case EACCES: {
      if (address.port() >= kernel::first_unprivileged_port()) return base::error_text(error);
      const auto border = std::to_string(kernel::first_unprivileged_port());
      return "port " + port_text(address) + " is privileged: below " + border +
             " it takes root or CAP_NET_BIND_SERVICE; choose --port " + border + " or above";
    }
    case EADDRNOTAVAIL:
      return "it is not an address of this machine; choose another --bind";
    case EAFNOSUPPORT:
      return std::string("this machine has no ") + (address.family() == AF_INET6 ? "IPv6" : "IPv4") +
             "; choose another --bind";
    case EINVAL:
      if (address.needs_scope()) {
        return "a link-local address needs its interface: --bind " + address.host_text() +
               "%eth0, for example";
      }
      return base::error_text(error);
    case ENODEV:
      return "there is no such interface; choose another --bind";
    default:
      return base::error_text(error);
  }
}

ExitStatus status_of(int error) {
  switch (error) {
    case EACCES:
      return ExitStatus::no_permission;
    case EADDRINUSE:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case ENODEV:
    case EINVAL:
      return ExitStatus::unavailable;
    default:
      return ExitStatus::system;  // descriptors or memory are short
  }
}

}  // namespace

base::StartError explain_bind_failure(const SocketAddress& address, int error) {
  return {status_of(error), "cannot listen on " + address.text() + ": " + explanation(address, error)};
}

}  // namespace tcpserver::server
