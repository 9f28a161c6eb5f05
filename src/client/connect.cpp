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

// Waits for a connect under way. Returns 0, or the errno it failed with.
int finish_connecting(int fd, std::optional<base::TimePoint> deadline) {
  pollfd polled{.fd = fd, .events = POLLOUT, .revents = 0};
  for (;;) {
    const auto left = base::time_left(deadline);
    const timespec limit = base::to_timespec(left.value_or(base::Duration::zero()));
    const int ready = ::ppoll(&polled, 1, left ? &limit : nullptr, nullptr);
    if (ready == 0) return ETIMEDOUT;
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return errno;
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
  }
}

// The connected socket, or the errno that it failed with.
int connect_to(const SocketAddress& address, std::optional<base::TimePoint> deadline, UniqueFd& connected) {
  UniqueFd fd = open_socket(address);
  if (!fd && errno != EAFNOSUPPORT) throw base::system_error("open a socket");
  if (!fd) return errno;
  int error = ::connect(fd.get(), address.get(), address.size()) == 0 ? 0 : errno;
  if (error == EINPROGRESS) error = finish_connecting(fd.get(), deadline);
  if (error == 0) connected = std::move(fd);
  return error;
}

}  // namespace

UniqueFd connect_to_any(const std::string& host, const std::vector<SocketAddress>& addresses,
                        std::optional<base::TimePoint> deadline) {
  std::string failures;
  bool timed_out = false;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    std::optional<base::TimePoint> share;
    if (deadline) share = base::Clock::now() + *base::time_left(deadline) / (addresses.size() - i);
    UniqueFd connected;
    const int error = connect_to(addresses[i], share, connected);
    if (error == 0) return connected;
    timed_out = timed_out || error == ETIMEDOUT;
    failures += (failures.empty() ? "" : "; ") + addresses[i].text() + ": " + base::error_text(error);
  }
  const std::string hint = !timed_out ? " (is the server running?)"
                           : deadline ? " (given up after --timeout)"
                                      : "";
  throw StartError(timed_out ? ExitStatus::temp_fail : ExitStatus::unavailable,
                   "cannot connect to " + base::in_quotes(host) + ": " + failures + hint);
}

UniqueFd connect_to_host(const std::string& host, std::uint16_t port, std::optional<base::Duration> timeout) {
  std::optional<base::TimePoint> deadline;
  if (timeout) deadline = base::Clock::now() + *timeout;
  return connect_to_any(host, base::resolve(host, port, deadline), deadline);
}

}  // namespace tcpserver::client
