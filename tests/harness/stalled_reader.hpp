#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>

namespace harness {

// A non-blocking pipe.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("pipe2");
  }
  ~Pipe() {
    for (const int end : ends_) ::close(end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  [[nodiscard]] int fd() const { return ends_[1]; }
  void fill() const {
    const std::string block(4096, '.');
    while (::write(fd(), block.data(), block.size()) > 0) {
    }
  }
  std::string read_all() const {
    std::string text;
    std::array<char, 65536> part{};
    for (ssize_t count = 0; (count = ::read(ends_[0], part.data(), part.size())) > 0;) {
      text.append(part.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  std::array<int, 2> ends_{};
};

// A full pipe for the output of a program. A writer blocks until the test reads.
class StalledReader : public Pipe {
 public:
  StalledReader() {
    fill();
    ::fcntl(fd(), F_SETFL, 0);  // blocking, like the pipe of a shell
  }
};

}  // namespace harness
