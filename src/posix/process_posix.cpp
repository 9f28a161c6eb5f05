#include "tcpserver/posix/controlling_terminal.hpp"
#include "tcpserver/posix/process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

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

void close_all_but(int fd, int also, int highest) noexcept {
  for (int other = 0; other <= highest; ++other) {
    if (other != fd && other != also) ::close(other);
  }
}

void close_from(int first) noexcept {
  const int highest = highest_open_descriptor();
  for (int fd = first; fd <= highest; ++fd) ::close(fd);
}

int highest_open_descriptor() {
  const long most = ::sysconf(_SC_OPEN_MAX);
  constexpr long as_many_as_anybody_opens = 65536;
  return static_cast<int>(most < 0 ? as_many_as_anybody_opens : std::min(most, as_many_as_anybody_opens)) - 1;
}

void give_up_capabilities() noexcept {}

bool has_capabilities() noexcept {
  return ::geteuid() == 0;
}

int open_nonblocking(int fd) noexcept {
  const char* const terminal = ::isatty(fd) == 1 ? ::ttyname(fd) : nullptr;
  const int again = terminal == nullptr ? -1 : ::open(terminal, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  return again >= 0 ? again : open_controlling_terminal(fd);
}

int open_folder(const char* path) noexcept {
#ifdef O_SEARCH
  constexpr int way = O_SEARCH;
#else
  constexpr int way = O_RDONLY;
#endif
  return ::open(path, way | O_DIRECTORY | O_CLOEXEC);
}

void ask_for_large_pipe(int) noexcept {}

void hide_from_children(void*, std::size_t) noexcept {}

}  // namespace tcpserver::posix
