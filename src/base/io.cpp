#include "tcpserver/base/io.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace tcpserver::base {

ssize_t read_some(int fd, char* buffer, std::size_t size) noexcept {
  ssize_t count = 0;
  do {
    count = ::read(fd, buffer, size);
  } while (count < 0 && errno == EINTR);
  return count;
}

std::optional<std::string> read_file(const char* path, std::size_t largest) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
  return fd ? read_all(fd.get(), largest) : std::nullopt;
}

std::optional<std::string> read_all(int fd, std::size_t largest) {
  std::string text;
  std::array<char, 4096> piece;
  for (;;) {
    const auto got = read_some(fd, piece.data(), piece.size());
    if (got < 0) return std::nullopt;
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > largest) {
      errno = EFBIG;
      return std::nullopt;
    }
  }
}

UniqueFd create_file(int directory, const char* name, mode_t mode) noexcept {
  for (;;) {
    UniqueFd file(::openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (file || errno != EINTR) return file;
  }
}

bool write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
      pollfd polled{.fd = fd, .events = POLLOUT, .revents = 0};
      if (::poll(&polled, 1, -1) < 0 && errno != EINTR) return false;
      continue;
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void close_with_reset(UniqueFd connection) noexcept {
  static_cast<void>(set_reset_on_close(connection.get(), true));
}

bool set_reset_on_close(int connection, bool on) noexcept {
  const linger zero_timeout{.l_onoff = on ? 1 : 0, .l_linger = 0};
  return ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &zero_timeout, sizeof zero_timeout) == 0;
}

bool fill_standard_descriptors() noexcept {
  // open() returns the lowest free number, which is the closed descriptor that the loop has reached.
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", O_RDWR) != fd) return false;
  }
  return true;
}

}  // namespace tcpserver::base
