#pragma once

#include "tcpserver/base/socket_address.hpp"

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace harness {

// A client's connection.
class ClientSocket {
 public:
  // Connects to an IPv4 loopback address, or to ::1. connected() tells whether that worked.
  explicit ClientSocket(std::uint16_t port, int family = AF_INET, const char* address = "127.0.0.1");
  // From this address, such as 127.0.0.2, to 127.0.0.1.
  static ClientSocket from(const char* source, std::uint16_t port);
  // Begins to connect to 127.0.0.1 and does not wait. Its calls do not block.
  static ClientSocket pending(std::uint16_t port);
  ~ClientSocket() { close(); }
  ClientSocket(ClientSocket&& other) noexcept;
  ClientSocket& operator=(ClientSocket&&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool connected() const { return error_ == 0; }
  [[nodiscard]] tcpserver::base::SocketAddress own_address() const;
  [[nodiscard]] std::uint16_t own_port() const { return own_address().port(); }

  bool send(std::string_view bytes);
  void half_close();
  void close();
  void reset();                             // closes with RST
  void set_receive_buffer(int size) const;  // the kernel doubles it

  // Returns `count` bytes, fewer at the end, after an error or when patience ran out.
  std::string receive(std::size_t count);
  std::string receive_all() { return receive(std::string::npos); }

  // Whether the next thing that arrives is an RST. Nothing else may be waiting to be read.
  [[nodiscard]] bool is_reset();
  // Whether a byte or the end can be read within this time.
  [[nodiscard]] bool readable(std::chrono::milliseconds limit) const;

 private:
  ClientSocket() = default;
  void connect_to(const char* address, std::uint16_t port);

  int fd_ = -1;
  int error_ = 0;  // the errno of connect(2)
};

// Sends all, half-closes, and receives until the end, both at the same time.
[[nodiscard]] std::string echo_through(ClientSocket& client, std::string_view bytes);

// Sends until the server has taken nothing for a while. Returns the number of whole MiB sent.
std::size_t fill_until_stalled(ClientSocket& client);

// Bytes of a fixed pseudo-random sequence in which every value occurs.
[[nodiscard]] std::string varied_bytes(std::size_t count, std::uint32_t seed = 1);

}  // namespace harness
