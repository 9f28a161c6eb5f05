#include "server/daemon/inetd.hpp"

#include "tcpserver/server/report/log_sink.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tcpserver::server {

namespace {

// A stream that does not listen counts even if its peer has gone. A UNIX socket counts if it has a name:
// process supervisors pass unnamed pairs as standard input.
bool is_connection(int fd) noexcept {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  int listens = 0;
  socklen_t listens_size = sizeof listens;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return false;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) != 0 || listens != 0) return false;
  if (name.ss_family == AF_UNIX) return size > sizeof(sa_family_t);
  return name.ss_family == AF_INET || name.ss_family == AF_INET6;
}

}  // namespace

bool refuse_inetd_connection(const std::function<void(std::string_view)>& print) {
  if (!is_connection(STDIN_FILENO)) return false;
  constexpr const char* reason =
      "standard input is a socket, as in a nowait service of inetd; start tcpserver as a daemon";
  struct stat input {};
  struct stat errors {};
  const bool is_known = ::fstat(STDIN_FILENO, &input) == 0 && ::fstat(STDERR_FILENO, &errors) == 0;
  if (is_known && (input.st_dev != errors.st_dev || input.st_ino != errors.st_ino)) {
    print(reason);
  } else {
    static_cast<void>(LogSink("/dev/log").put(Severity::error, LogFormat::text, reason));
  }
  return true;
}

}  // namespace tcpserver::server
