#include "server/listen/listener.hpp"

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/server/session/session.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>
#include <optional>
#include <thread>

namespace tcpserver::server {

namespace {

using base::SocketAddress;
using base::UniqueFd;

template <typename Value>
void set_option(int fd, int level, int name, const Value& value, const char* what) {
  if (::setsockopt(fd, level, name, &value, sizeof value) != 0) {
    throw base::socket_error(std::string("set ") + what + " on a listening socket");
  }
}

// How long to wait for duplicate address detection, which takes one second by default.
constexpr auto longest_detection = std::chrono::seconds(2);
constexpr auto between_tries = std::chrono::milliseconds(50);

struct Bound {
  UniqueFd fd;
  const char* call = "";  // the call that failed, if there is no fd
  int error = 0;          // its errno
};

Bound bind_socket(const SocketAddress& address, base::TimePoint deadline) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return {{}, "socket", errno};
  constexpr int on = 1;
  // SO_REUSEADDR: connections of an earlier server may still be in TIME_WAIT, and must not prevent a restart.
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      (address.family() == AF_INET6 &&
       ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)) {
    return {{}, "setsockopt", errno};
  }
  while (::bind(fd.get(), address.get(), address.size()) != 0) {
    const int error = errno;
    const auto state =
        error == EADDRNOTAVAIL ? kernel::find_ipv6_address(address) : kernel::Ipv6AddressState::unknown;
    // The address may have become usable since the call.
    const bool is_settling =
        state == kernel::Ipv6AddressState::tentative || state == kernel::Ipv6AddressState::usable;
    if (!is_settling || base::Clock::now() >= deadline) return {{}, "bind", error};
    std::this_thread::sleep_for(between_tries);
  }
  return {std::move(fd)};
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

struct Opened {
  std::vector<Listener> listeners;
  std::vector<BindFailure> skipped;
};

// Listens on all addresses with the same port. Port 0 selects a port that is free on the first address. If it
// is in use on a later address, returns nullopt, or throws on the last try. Skips a family that cannot be
// used if the addresses are not those of --bind.
std::optional<Opened> open_all(const ServerOptions& options, const std::vector<SocketAddress>& addresses,
                               base::TimePoint deadline, bool last_try) {
  Opened opened;
  auto port = options.port;
  bool retry = false;
  const auto fail = [&](const BindFailure& failure) {
    const bool port_was_random = options.port == 0 && port != 0;
    retry = retry || (port_was_random && failure.error == EADDRINUSE && !last_try);
    if (retry) return;
    if (!options.bind.empty() || failure.error == EADDRINUSE || base::is_shortage(failure.error)) {
      throw bind_error({failure});
    }
    opened.skipped.push_back(failure);
  };
  for (auto address : addresses) {
    address.set_port(port);
    auto bound = bind_socket(address, deadline);
    if (bound.fd) {
      port = local_address(bound.fd.get()).port();
      address.set_port(port);
      opened.listeners.push_back({std::move(bound.fd), address});
    } else {
      fail({address, bound.call, bound.error});
    }
    if (retry) return std::nullopt;
  }
  std::erase_if(opened.listeners, [&](const Listener& listener) {
    set_inherited_options(listener.fd.get(), options.idle_timeout);
    if (::listen(listener.fd.get(), choose_backlog(options.backlog, SOMAXCONN)) == 0) return false;
    fail({listener.address, "listen", errno});
    return true;
  });
  if (retry) return std::nullopt;
  if (opened.listeners.empty()) throw bind_error(opened.skipped);
  return opened;
}

void log_skipped(const BindFailure& failure, Log& log) {
  const bool six = failure.address.family() == AF_INET6;
  log.info(
      {six ? "no_ipv6" : "no_ipv4", {{"call", failure.call}, {"errno", base::errno_name(failure.error)}}},
      "listening on %s only, not on %s: %s", six ? "IPv4" : "IPv6", six ? "IPv6" : "IPv4",
      explain(failure).c_str());
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
    throw base::socket_error("set the timeouts of a listening socket");
  }
}

std::vector<Listener> open_listeners(const ServerOptions& options, Log& log) {
  auto addresses = options.bind;
  if (addresses.empty()) addresses = {SocketAddress::any(AF_INET6, 0), SocketAddress::any(AF_INET, 0)};
  const auto deadline = base::Clock::now() + longest_detection;
  constexpr int tries = 20;  // a try fails only if another process has the random port on a later address
  std::optional<Opened> opened;
  for (int i = 1; !opened; ++i) opened = open_all(options, addresses, deadline, i == tries);
  for (const auto& failure : opened->skipped) log_skipped(failure, log);
  return std::move(opened->listeners);
}

int choose_backlog(const std::optional<BacklogRequest>& request, int largest) noexcept {
  if (!request) return largest;
  if (request->max) return std::numeric_limits<int>::max();
  return static_cast<int>(std::min(request->value, static_cast<std::uint64_t>(largest)));
}

std::string describe_backlog(const std::optional<BacklogRequest>& request, const kernel::KernelLimits& kernel,
                             int largest, std::optional<std::uint32_t> before) {
  const auto asked = static_cast<std::uint32_t>(choose_backlog(request, largest));
  const auto likely = std::min<std::uint64_t>(asked, kernel.somaxconn.value_or(asked));
  const auto length = kernel.in_effect.value_or(static_cast<std::uint32_t>(likely));
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
