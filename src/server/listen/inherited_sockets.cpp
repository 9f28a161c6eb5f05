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

std::uint64_t parse_variable(const char* variable, std::uint64_t most) {
  const char* const text = std::getenv(variable);
  const auto number = base::parse_count(text, 0, most);
  if (!number) cli::refuse({text, variable}, "a whole number up to " + std::to_string(most));
  return *number;
}

[[noreturn]] void refuse(int fd, const std::string& why) {
  throw StartError(ExitStatus::usage, "LISTEN_FDS: descriptor " + std::to_string(fd) + " " + why);
}

int socket_option(int fd, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, name, &value, &size) != 0) {
    refuse(fd, errno == ENOTSOCK ? "is not a socket" : "cannot be read: " + base::error_text(errno));
  }
  return value;
}

Listener adopt_socket(int fd) {
  if (socket_option(fd, SO_TYPE) != SOCK_STREAM) refuse(fd, "is not a stream socket; use ListenStream=");
  if (socket_option(fd, SO_ACCEPTCONN) == 0) refuse(fd, "is not listening; the socket unit needs Accept=no");
  const auto address = local_address(fd);
  if (address.family() != AF_INET && address.family() != AF_INET6) refuse(fd, "is not a TCP socket");
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    throw base::system_error("make a listening socket non-blocking");
  }
  return {base::UniqueFd(fd), address};
}

}  // namespace

int count_inherited_sockets() {
  for (const char* const variable : {"LISTEN_FDS", "LISTEN_PID"}) {
    const char* const text = std::getenv(variable);
    if (text == nullptr || *text == '\0') return 0;
  }
  if (parse_variable("LISTEN_PID", INT32_MAX) != static_cast<std::uint64_t>(::getpid())) return 0;
  return static_cast<int>(parse_variable("LISTEN_FDS", most_addresses));
}

std::vector<Listener> inherit_listeners(int count, base::Duration idle_timeout) {
  std::vector<Listener> listeners;
  for (int fd = first_inherited; fd < first_inherited + count; ++fd) {
    listeners.push_back(adopt_socket(fd));
    set_inherited_options(fd, idle_timeout);
  }
  return listeners;
}

}  // namespace tcpserver::server
