#include "tcpserver/posix/process.hpp"

#include <unistd.h>

namespace tcpserver::posix {

pid_t fork_child() noexcept {
  return ::fork();
}

void exit_child(int status) noexcept {
  ::_exit(status);
}

void close_all_but(int fd, int highest) noexcept {
  for (int other = 0; other <= highest; ++other) {
    if (other != fd) ::close(other);
  }
}

void hide_from_children(void*, std::size_t) noexcept {}

}  // namespace tcpserver::posix
