#include "tcpserver/posix/process.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace tcpserver::posix {

pid_t fork_child() noexcept {
  return ::fork();
}

void exit_child(int status) noexcept {
  ::_exit(status);
}

bool die_with_parent(pid_t) noexcept {
  return true;
}

void close_all_but(int fd, int highest) noexcept {
  for (int other = 0; other <= highest; ++other) {
    if (other != fd) ::close(other);
  }
}

int open_nonblocking(int fd) noexcept {
  const char* const terminal = ::isatty(fd) == 1 ? ::ttyname(fd) : nullptr;
  return terminal == nullptr ? -1 : ::open(terminal, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void hide_from_children(void*, std::size_t) noexcept {}

}  // namespace tcpserver::posix
