#include "tcpserver/posix/process.hpp"

#include "tcpserver/posix/controlling_terminal.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <climits>
#include <cstring>

namespace tcpserver::posix {

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

bool limit_file_size(std::uint64_t bytes) noexcept {
  const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
  return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
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
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

bool is_at(int file, int folder, const char* name) noexcept {
  struct stat open_one {};
  struct stat named {};
  return ::fstat(file, &open_one) == 0 && ::fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

int open_controlling_terminal(int fd) noexcept {
  // Whose session's terminal it is; an error for what is no terminal, or none of ours (tcgetsid(3)).
  if (::tcgetsid(fd) != ::getsid(0)) return -1;
  return ::open("/dev/tty", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

}  // namespace tcpserver::posix
