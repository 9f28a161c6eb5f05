#include "client/connect.hpp"

#include "tcpserver/base/resolve.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/client/connection_engine.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

namespace tcpserver::client {

namespace {

using base::ExitStatus;
using base::SocketAddress;
using base::StartError;
using base::UniqueFd;

// Waits until a connect has finished. Returns 0 or its errno.
int finish_connecting(int fd, std::optional<base::TimePoint> deadline) {
  pollfd polled{.fd = fd, .events = POLLOUT, .revents = 0};
  int ready = -1;
  do {
    const auto left = base::time_left(deadline);
    const timespec limit = base::to_timespec(left.value_or(base::Duration::zero()));
    ready = ::ppoll(&polled, 1, left ? &limit : nullptr, nullptr);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return ready == 0 ? ETIMEDOUT : errno;
  return socket_error(fd);
}

// Returns 0 or the errno of connect.
int connect_to(const SocketAddress& address, std::optional<base::TimePoint> deadline, UniqueFd& fd) {
  fd = open_socket(address);
  if (!fd && errno != EAFNOSUPPORT) throw base::system_error("open a socket");
  if (!fd) return errno;
  if (::connect(fd.get(), address.get(), address.size()) == 0) return 0;
  return errno == EINPROGRESS ? finish_connecting(fd.get(), deadline) : errno;
}

}  // namespace

UniqueFd connect_to_any(const std::string& host, const std::vector<SocketAddress>& addresses,
                        std::optional<base::TimePoint> deadline) {
  std::string failures;
  bool timed_out = false;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    std::optional<base::TimePoint> share;
    if (deadline) share = base::Clock::now() + *base::time_left(deadline) / (addresses.size() - i);
    UniqueFd fd;
    const int error = connect_to(addresses[i], share, fd);
    if (error == 0) return fd;
    timed_out = timed_out || error == ETIMEDOUT;
    failures += (failures.empty() ? "" : "; ") + addresses[i].text() + ": " + base::error_text(error);
  }
  const char* const timeout_hint = deadline ? " (given up after --timeout)" : "";
  const std::string hint = timed_out ? timeout_hint : " (is the server running?)";
  throw StartError(timed_out ? ExitStatus::temp_fail : ExitStatus::unavailable,
                   "cannot connect to " + base::in_quotes(host) + ": " + failures + hint);
}

UniqueFd connect_to_host(const std::string& host, std::uint16_t port, std::optional<base::Duration> timeout) {
  const auto deadline = timeout ? std::optional(base::Clock::now() + *timeout) : std::nullopt;
  return connect_to_any(host, base::resolve(host, port, deadline), deadline);
}

}  // namespace tcpserver::client
