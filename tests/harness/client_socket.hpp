#pragma once

#include "tcpserver/base/socket_address.hpp"

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace harness {

// The client side of a connection.
class ClientSocket {
 public:
  // Connects to an IPv4 loopback address, or to ::1. Check connected() afterwards.
  explicit ClientSocket(std::uint16_t port, int family = AF_INET, const char* address = "127.0.0.1");
  // Connects from this address, such as 127.0.0.2, to 127.0.0.1.
  static ClientSocket from(const char* source, std::uint16_t port);
  // Starts a non-blocking connect to 127.0.0.1.
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

  // Returns `count` bytes, or fewer at the end of the stream, after an error or after `patience`.
  std::string receive(std::size_t count);
  std::string receive_all() { return receive(std::string::npos); }

  // True if the connection is reset. No unread data may be waiting.
  [[nodiscard]] bool is_reset();
  // True if a byte or the end of the stream arrives within this time.
  [[nodiscard]] bool readable(std::chrono::milliseconds limit) const;

 private:
  ClientSocket() = default;
  void connect_to(const char* address, std::uint16_t port);

  int fd_ = -1;
  int error_ = 0;  // the errno of connect(2)
};

// Sends all bytes and half-closes, while it receives until the end of the stream. Returns the received bytes.
[[nodiscard]] std::string echo_through(ClientSocket& client, std::string_view bytes);

// Sends until the server stops reading for a while. Returns the number of whole MiB sent.
std::size_t fill_until_stalled(ClientSocket& client);

// Returns bytes of a fixed pseudo-random sequence in which every value occurs.
[[nodiscard]] std::string varied_bytes(std::size_t count, std::uint32_t seed = 1);

}  // namespace harness
