#include "tcpserver/base/process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tcpserver::base {

namespace {

// At most 65535: nobody opens more.
int highest_possible_descriptor() noexcept {
  constexpr rlim_t as_many_as_anybody_opens = 65536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = as_many_as_anybody_opens;
  return static_cast<int>(std::min(limit.rlim_cur, as_many_as_anybody_opens)) - 1;
}

// If `fd` is the controlling terminal, /dev/tty, which everybody may open. Who has switched to another user
// (su, sudo -u) may not open the terminal by its name.
int open_controlling_terminal(int fd) noexcept {
  if (::tcgetsid(fd) != ::getsid(0)) return -1;  // fails for what is no terminal, or no terminal of ours
  return ::open("/dev/tty", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

}  // namespace

pid_t fork_child() noexcept {
#ifdef TCPSERVER_HAVE__FORK
  return ::_Fork();
#else
  return ::fork();
#endif
}

void exit_child(int status) noexcept {
  for (;;) ::syscall(SYS_exit, status);
}

void close_from(int first) noexcept {
  if (::syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, 0U) == 0) return;
  for (int fd = first; fd <= highest_possible_descriptor(); ++fd) ::close(fd);
}

int highest_open_descriptor() {
  int highest = -1;
  if (DIR* const folder = ::opendir("/proc/self/fd")) {
    while (const dirent* const entry = ::readdir(folder)) {
      const int fd = std::atoi(entry->d_name);  // "." and ".." count as 0, which is open in any case
      if (fd != ::dirfd(folder)) highest = std::max(highest, fd);
    }
    ::closedir(folder);
  }
  return highest >= 0 ? highest : highest_possible_descriptor();
}

int open_nonblocking(int fd) noexcept {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !(S_ISFIFO(status.st_mode) || ::isatty(fd) == 1)) return -1;
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const int again = ::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  return again >= 0 ? again : open_controlling_terminal(fd);
}

int open_folder(const char* path) noexcept {
  return ::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void ask_for_large_pipe(int fd) noexcept {
  constexpr int largest_of_unprivileged = 1 << 20;  // /proc/sys/fs/pipe-max-size, as Linux has it (pipe(7))
  if (::fcntl(fd, F_GETPIPE_SZ) < largest_of_unprivileged) {
    static_cast<void>(::fcntl(fd, F_SETPIPE_SZ, largest_of_unprivileged));
  }
}

void hide_from_children(void* memory, std::size_t size) noexcept {
  ::madvise(memory, size, MADV_DONTFORK);
}

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

std::string working_directory() {
  std::string path(PATH_MAX, '\0');
  if (::getcwd(path.data(), path.size()) == nullptr) return {};
  path.resize(std::strlen(path.c_str()));
  return path.starts_with('/') ? path : std::string{};  // "(unreachable)..." (getcwd(2))
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool is_at(int file, int folder, const char* name) noexcept {
  struct stat open_one {};
  struct stat named {};
  return ::fstat(file, &open_one) == 0 && ::fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

}  // namespace tcpserver::base
