#pragma once

#include "tcpserver/base/socket_address.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace harness {

// A listener on a free port of 127.0.0.1. The test itself accepts its connections.
class OwnListener {
 public:
  explicit OwnListener(int backlog = 5) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    auto address = tcpserver::base::SocketAddress::parse("127.0.0.1", 0).value();
    socklen_t size = address.size();
    if (::bind(fd_, address.get(), size) == 0 && ::listen(fd_, backlog) == 0 &&
        ::getsockname(fd_, address.storage(), &size) == 0) {
      port_ = std::to_string(address.port());
    }
  }
  ~OwnListener() { close(); }
  OwnListener(const OwnListener&) = delete;
  OwnListener& operator=(const OwnListener&) = delete;

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] int accept() const { return ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC); }
  [[nodiscard]] const std::string& port() const { return port_; }  // empty if there is no listener

 private:
  int fd_;
  std::string port_;
};

// A server inside the test. Accepts this number of connections, one after the other, and calls `answer` for
// each.
class OwnServer {
 public:
  using Answer = std::function<void(int connection)>;
  OwnServer(int connections, const Answer& answer)
      : thread_([this, connections, answer] {
          for (int i = 0; i < connections; ++i) {
            const int connection = listener_.accept();
            answer(connection);
            ::close(connection);
          }
        }) {}
  [[nodiscard]] const std::string& port() const { return listener_.port(); }

 private:
  OwnListener listener_{50};
  std::jthread thread_;
};

// Reads until the client closes or half-closes.
inline std::string read_all(int connection) {
  std::string text;
  char byte = 0;
  while (::read(connection, &byte, 1) > 0) text += byte;
  return text;
}

}  // namespace harness
