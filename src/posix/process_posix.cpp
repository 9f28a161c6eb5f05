#include "tcpserver/posix/process.hpp"

#include "posix/close_descriptors.hpp"

#include <unistd.h>

namespace tcpserver::posix {

pid_t fork_child() noexcept {
  return ::fork();
}

void exit_child(int status) noexcept {
  ::_exit(status);
}

void close_all_but(int fd) noexcept {
  close_low_descriptors_but(fd);
}

void hide_from_children(void*, std::size_t) noexcept {}

}  // namespace tcpserver::posix
