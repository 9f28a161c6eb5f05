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

// Returns the socket that has the address, if the kernel shows it.
std::optional<kernel::TcpSocket> find_conflict(const SocketAddress& wanted) {
  const auto sockets = kernel::find_sockets_on_port(wanted.port());
  for (const auto& socket : sockets) {
    if (collides(socket.local, wanted)) return socket;
  }
  // An IPv6 wildcard also takes IPv4 unless it is IPV6_V6ONLY, which the table does not show.
  for (const auto& socket : sockets) {
    if (socket.local.family() == AF_INET6 && socket.local.is_wildcard()) return socket;
  }
  return std::nullopt;
}

// Names the process that has the address, as far as /proc shows it, and what to do.
std::string explain_address_in_use(const SocketAddress& wanted) {
  const std::string in_use = "address in use";
  const auto socket = find_conflict(wanted);
  if (!socket) return in_use + "; choose another --port";
  const auto other = socket->local.text();
  if (socket->inode == 0)  // no process has it open
    return in_use + " by a closing connection from " + other + "; retry in a minute";
  const bool listens = socket->state == kernel::tcp_state_listen;
  const std::string where = !listens                 ? ", connected from " + other
                            : other != wanted.text() ? ", listening on " + other
                                                     : "";
  const auto owner = kernel::find_socket_owner(socket->inode);
  if (!owner) return in_use + " by a process that this user cannot see" + where + "; choose another --port";
  if (owner->pid == ::getpid()) return in_use + " by this server" + where + "; remove one --bind";
  return in_use + " by process " + std::to_string(owner->pid) + " (" + owner->name + ")" + where +
         (listens ? "; stop it or choose another --port" : "; retry later or choose another --port");
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
      why = "port " + std::to_string(address.port()) +
            " is privileged; run as root, grant CAP_NET_BIND_SERVICE, or use --port " +
            std::to_string(first) + " or above";
      break;
    }
    case EADDRNOTAVAIL:
      why = "not an address of this machine; 'ip address' lists them";
      break;
    case EAFNOSUPPORT:
      why = std::string("this machine has no ") + (address.family() == AF_INET6 ? "IPv6" : "IPv4") +
            (address.family() == AF_INET6 ? "; use an IPv4 --bind" : "; use an IPv6 --bind");
      break;
    case EINVAL:
      if (address.needs_scope())
        why = "a link-local address needs an interface, such as --bind " + address.host_text() + "%eth0";
      break;
    case ENODEV:
      why = "no such interface; 'ip link' lists them";
      break;
    default:
      status = ExitStatus::system;  // out of descriptors or memory
  }
  return {status, "cannot listen on " + address.text() + ": " + why};
}

}  // namespace tcpserver::server
