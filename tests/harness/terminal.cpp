#include "harness/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

namespace harness {

using tcpserver::base::UniqueFd;

Terminal::Terminal(const std::vector<std::string>& command, Size size,
                   const std::vector<std::string>& environment)
    : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
  if (!master_ || ::grantpt(master_.get()) != 0 || ::unlockpt(master_.get()) != 0) {
    throw std::runtime_error("cannot make a pseudo-terminal");
  }
  resize(size);
  const UniqueFd slave(::open(::ptsname(master_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  process_.emplace(command, SpawnOptions{.environment = environment, .terminal_fd = slave.get()});
}

void Terminal::type(std::string_view text) const {
  ASSERT_EQ(::write(master_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

void Terminal::resize(Size size) const {
  const winsize window{.ws_row = size.rows, .ws_col = size.columns, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::ioctl(master_.get(), TIOCSWINSZ, &window), 0);
}

bool Terminal::shows(const std::string& text) {
  const auto deadline = Clock::now() + patience;
  while (shown_.find(text) == std::string::npos) {
    if (Clock::now() >= deadline || !read_part()) return false;
  }
  return true;
}

void Terminal::read_all() {
  const auto deadline = Clock::now() + patience;
  while (Clock::now() < deadline && read_part()) {
  }
}

// Returns false after the last program has closed the terminal.
bool Terminal::read_part() {
  pollfd polled{.fd = master_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&polled, 1, 100) <= 0) return true;
  std::array<char, 4096> part{};
  const ssize_t count = ::read(master_.get(), part.data(), part.size());
  if (count <= 0) return false;
  shown_.append(part.data(), static_cast<std::size_t>(count));
  return true;
}

}  // namespace harness
