#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace tcpserver::server {

// Puts a pipe in the place of standard error.
class CapturedErrors {
 public:
  CapturedErrors() : saved_(::dup(STDERR_FILENO)) {
    EXPECT_EQ(::pipe2(ends_.data(), O_NONBLOCK), 0);
    ::dup2(ends_[1], STDERR_FILENO);
  }
  ~CapturedErrors() {
    restore();
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  void restore() {
    if (saved_ < 0) return;
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    saved_ = -1;
  }
  void fill() {
    const std::string block(4096, '.');
    while (::write(ends_[1], block.data(), block.size()) > 0) {
    }
  }
  std::string read_all() {
    std::string text;
    std::array<char, 65536> part{};
    for (ssize_t count = 0; (count = ::read(ends_[0], part.data(), part.size())) > 0;) {
      text.append(part.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  std::array<int, 2> ends_{};
  int saved_;
};

}  // namespace tcpserver::server
