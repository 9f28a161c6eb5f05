#include "tcpserver/kernel/process_table.hpp"
#include "tcpserver/kernel/socket_facts.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"

#include "server/listen/listener.hpp"

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

// Returns the socket that is in the way, if the kernel tells.
std::optional<kernel::TcpSocket> socket_in_the_way(const SocketAddress& wanted) {
  const auto sockets = kernel::find_sockets_on_port(wanted.port());
  for (const auto& socket : sockets) {
    if (collides(socket.local, wanted)) return socket;
  }
  // An IPv6 wildcard takes IPv4 too, unless it is IPV6_V6ONLY, which the table does not tell.
  for (const auto& socket : sockets) {
    if (socket.local.family() == AF_INET6 && socket.local.is_wildcard()) return socket;
  }
  return std::nullopt;
}

// Says who uses the address and what to do about it, as far as /proc tells.
std::string explain_address_in_use(const SocketAddress& wanted) {
  const std::string in_use = "the address is in use";
  const auto socket = socket_in_the_way(wanted);
  if (!socket) return in_use + "; choose another --port or --bind";
  if (socket->inode == 0) {  // no process has it any more
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

}  // namespace

base::StartError explain_bind_failure(const SocketAddress& address, int error) {
  auto status = ExitStatus::unavailable;
  auto why = base::error_text(error);
  switch (error) {
    case EADDRINUSE:
      why = explain_address_in_use(address);
      break;
    case EACCES: {
      status = ExitStatus::no_permission;
      const auto first = kernel::first_unprivileged_port();
      if (address.port() >= first) break;
      const auto border = std::to_string(first);
      why = "port " + std::to_string(address.port()) + " is privileged: below " + border +
            " it takes root or CAP_NET_BIND_SERVICE; choose --port " + border + " or above";
      break;
    }
    case EADDRNOTAVAIL:
      why = "it is not an address of this machine; choose another --bind";
      break;
    case EAFNOSUPPORT:
      why = std::string("this machine has no ") + (address.family() == AF_INET6 ? "IPv6" : "IPv4") +
            "; choose another --bind";
      break;
    case EINVAL:
      if (address.needs_scope())
        why =
            "a link-local address needs its interface: --bind " + address.host_text() + "%eth0, for example";
      break;
    case ENODEV:
      why = "there is no such interface; choose another --bind";
      break;
    default:
      status = ExitStatus::system;  // descriptors or memory are short
  }
  return {status, "cannot listen on " + address.text() + ": " + why};
}

}  // namespace tcpserver::server
