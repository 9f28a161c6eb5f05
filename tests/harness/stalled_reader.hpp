#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>

namespace harness {

// A pipe that is full, for a program's output: whoever writes there waits until somebody reads.
class StalledReader {
 public:
  StalledReader() {
    if (::pipe2(ends_.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("pipe2");
    const std::string block(4096, '.');
    while (::write(ends_[1], block.data(), block.size()) > 0) {
    }
    ::fcntl(ends_[1], F_SETFL, 0);  // blocking again, as a shell's pipe is
  }
  ~StalledReader() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  StalledReader(const StalledReader&) = delete;
  StalledReader& operator=(const StalledReader&) = delete;

  [[nodiscard]] int fd() const { return ends_[1]; }
  void read_all() const {
    std::array<char, 4096> part{};
    while (::read(ends_[0], part.data(), part.size()) > 0) {
    }
  }

 private:
  std::array<int, 2> ends_{};
};

}  // namespace harness
