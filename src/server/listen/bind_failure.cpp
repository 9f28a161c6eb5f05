#include "tcpserver/kernel/process_table.hpp"
#include "tcpserver/kernel/socket_facts.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"

#include "server/listen/listener.hpp"

#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

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

std::string explain_not_available(const SocketAddress& address) {
  switch (kernel::find_ipv6_address(address)) {
    case kernel::Ipv6AddressState::disabled:
      return "no interface has an IPv6 address; set one up, or check net.ipv6.conf.all.disable_ipv6";
    case kernel::Ipv6AddressState::tentative:
      return "the address is tentative: duplicate address detection has not finished; retry later";
    case kernel::Ipv6AddressState::duplicate:
      return "duplicate address detection failed: another machine uses the address";
    default:
      return "not an address of this machine; 'ip address' lists them";
  }
}

}  // namespace

std::string explain(const BindFailure& failure) {
  const auto& [address, call, error] = failure;
  const auto port = address.port();
  const auto first_unprivileged = kernel::first_unprivileged_port();
  switch (error) {
    case EADDRINUSE:
      if (port == 0) {
        return "all ports of net.ipv4.ip_local_port_range are in use; retry later or choose a --port";
      }
      return explain_address_in_use(address);
    case EACCES:  // a missing capability never causes EPERM (bind(2))
      if (std::string_view(call) != "bind" || port == 0 || port >= first_unprivileged ||
          kernel::may_bind_privileged_ports())
        break;
      return "port " + std::to_string(port) +
             " is privileged; run as root, grant CAP_NET_BIND_SERVICE, or use --port " +
             std::to_string(first_unprivileged) + " or above";
    case EADDRNOTAVAIL:
      if (address.is_wildcard()) break;
      return explain_not_available(address);
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case ESOCKTNOSUPPORT:
      return "the kernel lacks this address family, or RestrictAddressFamilies= of systemd forbids it";
    case EINVAL:
      if (!address.needs_scope()) break;
      return "a link-local address needs an interface, such as --bind " + address.host_text() + "%eth0";
    case ENODEV:
      return "no such interface; 'ip link' lists them";
    default:
      break;
  }
  return std::string(call) + ": " + base::socket_error_text(error);
}

base::StartError bind_error(const std::vector<BindFailure>& failures) {
  const auto& first = failures.front();
  if (failures.size() == 1) {
    return {base::socket_error_status(first.error),
            "cannot listen on " + first.address.text() + ": " + explain(first)};
  }
  const auto& second = failures.back();
  const auto status = base::socket_error_status(first.error);
  const auto six = explain(first);
  const auto four = explain(second);
  return {status == ExitStatus::no_permission ? status : base::socket_error_status(second.error),
          "cannot listen on port " + std::to_string(first.address.port()) +
              (six == four ? " (IPv6 and IPv4): " + six : ": IPv6: " + six + "; IPv4: " + four)};
}

}  // namespace tcpserver::server
