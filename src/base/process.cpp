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

int highest_possible_descriptor() noexcept {
  constexpr rlim_t enough = 65536;  // more would make close_from() slow
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = enough;
  return static_cast<int>(std::min(limit.rlim_cur, enough)) - 1;
}

// Opens /dev/tty if `fd` is the controlling terminal. Every user may open it. After su or sudo -u, the user
// may not open the terminal by its own name.
int open_controlling_terminal(int fd) noexcept {
  if (::tcgetsid(fd) != ::getsid(0)) return -1;  // tcgetsid fails for any other terminal or file
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
  if (DIR* const directory = ::opendir("/proc/self/fd")) {
    while (const dirent* const entry = ::readdir(directory)) {
      const int fd = std::atoi(entry->d_name);  // "." and ".." give 0, which does not change the maximum
      if (fd != ::dirfd(directory)) highest = std::max(highest, fd);
    }
    ::closedir(directory);
  }
  return highest >= 0 ? highest : highest_possible_descriptor();
}

int open_nonblocking(int fd) noexcept {
  constexpr rlim_t few_descriptors = 16;  // then each one is kept for a client
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < few_descriptors) return -1;
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !(S_ISFIFO(status.st_mode) || ::isatty(fd) == 1)) return -1;
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const int reopened = ::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  return reopened >= 0 ? reopened : open_controlling_terminal(fd);
}

int open_directory(const char* path) noexcept {
  return ::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void enlarge_pipe(int fd) noexcept {
  constexpr int unprivileged_maximum = 1 << 20;  // default of /proc/sys/fs/pipe-max-size (pipe(7))
  if (::fcntl(fd, F_GETPIPE_SZ) < unprivileged_maximum) {
    static_cast<void>(::fcntl(fd, F_SETPIPE_SZ, unprivileged_maximum));
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
  return path.starts_with('/') ? path
                               : std::string{};  // the kernel may return "(unreachable)..." (getcwd(2))
}

std::string parent_directory(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool is_at(int file, int directory, const char* name) noexcept {
  struct stat opened {};
  struct stat named {};
  return ::fstat(file, &opened) == 0 && ::fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace tcpserver::base
