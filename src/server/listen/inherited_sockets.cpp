#include "tcpserver/base/values.hpp"

#include "server/listen/listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace tcpserver::server {

namespace {

using base::ExitStatus;
using base::StartError;

constexpr int first_inherited = 3;  // SD_LISTEN_FDS_START

std::uint64_t number_in(const char* variable, std::uint64_t most) {
  const char* const text = std::getenv(variable);
  const auto number = base::parse_count(text, 0, most);
  if (!number) cli::refuse({text, variable}, "what a service manager sets: a whole number");
  return *number;
}

[[noreturn]] void refuse(int fd, const std::string& why) {
  throw StartError(ExitStatus::usage,
                   "LISTEN_FDS: descriptor " + std::to_string(fd) + " of the service manager " + why);
}

int socket_option(int fd, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, name, &value, &size) != 0) {
    refuse(fd, errno == ENOTSOCK ? "is no socket" : "cannot be asked: " + base::error_text(errno));
  }
  return value;
}

Listener take_over(int fd) {
  if (socket_option(fd, SO_TYPE) != SOCK_STREAM) refuse(fd, "is no stream socket: ListenStream= makes one");
  if (socket_option(fd, SO_ACCEPTCONN) == 0) refuse(fd, "does not listen: the socket unit needs Accept=no");
  const auto address = local_address(fd);
  if (address.family() != AF_INET && address.family() != AF_INET6) refuse(fd, "is no TCP socket");
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    throw base::system_error("make a listening socket non-blocking");
  }
  return {base::UniqueFd(fd), address};
}

}  // namespace

int count_inherited_sockets() {
  if (std::getenv("LISTEN_FDS") == nullptr || std::getenv("LISTEN_PID") == nullptr) return 0;
  if (number_in("LISTEN_PID", INT32_MAX) != static_cast<std::uint64_t>(::getpid())) return 0;
  return static_cast<int>(number_in("LISTEN_FDS", most_addresses));
}

std::vector<Listener> inherit_listeners(int count, base::Duration idle_timeout) {
  std::vector<Listener> listeners;
  for (int fd = first_inherited; fd < first_inherited + count; ++fd) {
    listeners.push_back(take_over(fd));
    set_inherited_options(fd, idle_timeout);
  }
  return listeners;
}

}  // namespace tcpserver::server
