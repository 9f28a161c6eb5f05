#include "server/listen/listener.hpp"

#include "tcpserver/base/values.hpp"
#include "tcpserver/server/session/session.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>

namespace tcpserver::server {

namespace {

using base::SocketAddress;
using base::UniqueFd;

template <typename Value>
void set_option(int fd, int level, int name, const Value& value, const char* what) {
  if (::setsockopt(fd, level, name, &value, sizeof value) != 0) {
    throw base::system_error(std::string("set ") + what + " on a listening socket");
  }
}

struct Bound {
  UniqueFd fd;
  int error = 0;  // errno of socket or bind if there is no fd
};

Bound bind_socket(const SocketAddress& address) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return {{}, errno};
  constexpr int on = 1;
  // Connections of an earlier server may still be in TIME_WAIT. They must not prevent a restart.
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, on, "SO_REUSEADDR");
  if (address.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, on, "IPV6_V6ONLY");
  if (::bind(fd.get(), address.get(), address.size()) != 0) return {{}, errno};
  return {std::move(fd), 0};
}

// TCP_USER_TIMEOUT in milliseconds (tcp(7)): the kernel aborts a connection whose data stays unacknowledged
// for this long, even after the session has ended. Without it, the kernel keeps the data of a client that
// never reads for as long as the client answers probes. 0 selects the system default.
int user_timeout_for(base::Duration idle_timeout) noexcept {
  if (idle_timeout == base::Duration::zero()) return 0;
  // A shorter timeout aborts connections after a few lost packets.
  constexpr auto shortest = std::chrono::milliseconds(10'000);
  constexpr auto longest = std::chrono::milliseconds(std::numeric_limits<int>::max());
  const auto wanted = std::chrono::ceil<std::chrono::milliseconds>(idle_timeout);
  return static_cast<int>(std::clamp(wanted, shortest, longest).count());
}

// Binds all addresses to the same port. Port 0 picks a port that is free on the first address. If the port is
// in use on a later address, returns an empty list; on the last try it throws.
std::vector<Listener> bind_all(const std::vector<SocketAddress>& addresses, std::uint16_t port,
                               bool last_try) {
  const bool any_port = port == 0;
  std::vector<Listener> listeners;
  for (auto address : addresses) {
    address.set_port(port);
    auto bound = bind_socket(address);
    if (!bound.fd) {
      const bool port_was_random = any_port && !listeners.empty() && bound.error == EADDRINUSE;
      if (port_was_random && !last_try) return {};
      throw explain_bind_failure(address, bound.error);
    }
    port = local_address(bound.fd.get()).port();
    address.set_port(port);
    listeners.push_back({std::move(bound.fd), address});
  }
  return listeners;
}

bool family_works(int family) {
  const UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno != EAFNOSUPPORT;
  const auto any = SocketAddress::any(family, 0);
  return ::bind(fd.get(), any.get(), any.size()) == 0 || errno != EADDRNOTAVAIL;
}

}  // namespace

bool set_timeouts(int fd, base::Duration idle_timeout) noexcept {
  const int user_timeout = user_timeout_for(idle_timeout);
  const timeval read_wait = base::to_timeval(idle_timeout);
  const timeval write_wait = base::to_timeval(idle_timeout / write_waits_per_idle_timeout);
  return ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &read_wait, sizeof read_wait) == 0 &&
         ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &write_wait, sizeof write_wait) == 0 &&
         ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout) == 0;
}

SocketAddress local_address(int fd) {
  SocketAddress address;
  socklen_t size = SocketAddress::storage_size;
  if (::getsockname(fd, address.storage(), &size) != 0)
    throw base::system_error("read the local address of a socket");
  return address;
}

void set_inherited_options(int fd, base::Duration idle_timeout) {
  constexpr int on = 1;
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, on, "TCP_NODELAY");
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, on, "SO_KEEPALIVE");
  // Keeps urgent data in the stream, so that it is echoed too.
  set_option(fd, SOL_SOCKET, SO_OOBINLINE, on, "SO_OOBINLINE");
  if (!set_timeouts(fd, idle_timeout)) {
    throw base::system_error("set the timeouts of a listening socket");
  }
}

std::vector<Listener> open_listeners(const ServerOptions& options, Log& log) {
  auto addresses = options.bind;
  const bool six = !addresses.empty() || family_works(AF_INET6);
  const bool four = !addresses.empty() || !six || family_works(AF_INET);
  if (addresses.empty()) {
    if (six) addresses.push_back(SocketAddress::any(AF_INET6, 0));
    if (four) addresses.push_back(SocketAddress::any(AF_INET, 0));
  }

  std::vector<Listener> listeners;
  constexpr int tries = 20;  // a try fails only if another process has the random port on a later address
  for (int i = 1; listeners.empty(); ++i) listeners = bind_all(addresses, options.port, i == tries);
  for (const auto& listener : listeners) {
    set_inherited_options(listener.fd.get(), options.idle_timeout);
    if (::listen(listener.fd.get(), choose_backlog(options.backlog, SOMAXCONN)) != 0)
      throw explain_bind_failure(listener.address, errno);
  }
  if (!six) log.info(LogEvent{"no_ipv6"}, "no IPv6 on this machine; listening on IPv4 only");
  if (!four) log.info(LogEvent{"no_ipv4"}, "no IPv4 on this machine; listening on IPv6 only");
  return listeners;
}

int choose_backlog(const std::optional<BacklogRequest>& request, int largest) noexcept {
  if (!request) return largest;
  if (request->max) return std::numeric_limits<int>::max();
  return static_cast<int>(std::min(request->value, static_cast<std::uint64_t>(largest)));
}

std::string describe_backlog(const std::optional<BacklogRequest>& request, const kernel::KernelLimits& kernel,
                             int largest, std::optional<std::uint32_t> before) {
  const auto asked = static_cast<std::uint32_t>(choose_backlog(request, largest));
  const auto length = kernel.in_effect.value_or(asked);
  const bool max = request && request->max;
  const bool clamped = request && !max && request->value > asked;
  const bool reduced = length < asked && !max;
  std::string why = request ? request->source : "default";
  if (max) {
    why += " max";
  } else if (clamped) {
    why += " " + base::quote_unless_plain(request->text) + " exceeds SOMAXCONN";
  } else if (reduced) {
    why += " " + std::to_string(asked);
  }
  std::string advice;
  if (reduced) {
    advice = ": raise net.core.somaxconn";
  } else if (clamped && kernel.somaxconn && *kernel.somaxconn > length) {
    advice = ": use --backlog max";
  }
  return "listen queue: " + (before ? std::to_string(*before) + " -> " : "") + std::to_string(length) + " (" +
         why + "; kernel maximum " + (kernel.somaxconn ? std::to_string(*kernel.somaxconn) : "unknown") +
         advice + ")";
}

}  // namespace tcpserver::server
