#include "harness/client_socket.hpp"

#include "harness/process.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <random>
#include <thread>
#include <utility>

namespace harness {

using tcpserver::base::SocketAddress;

ClientSocket::ClientSocket(std::uint16_t port, int family, const char* address)
    : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  connect_to(family == AF_INET6 ? "::1" : address, port);
}

ClientSocket ClientSocket::from(const char* source, std::uint16_t port) {
  ClientSocket client;
  client.fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto own = SocketAddress::parse(source, 0).value();
  if (::bind(client.fd_, own.get(), own.size()) != 0) {
    client.error_ = errno;
  } else {
    client.connect_to("127.0.0.1", port);
  }
  return client;
}

ClientSocket ClientSocket::pending(std::uint16_t port) {
  ClientSocket client;
  client.fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  client.connect_to("127.0.0.1", port);
  return client;
}

void ClientSocket::connect_to(const char* address, std::uint16_t port) {
  const auto server = SocketAddress::parse(address, port).value();
  if (::connect(fd_, server.get(), server.size()) != 0) error_ = errno;
}

ClientSocket::ClientSocket(ClientSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), error_(std::exchange(other.error_, ENOTCONN)) {}

SocketAddress ClientSocket::own_address() const {
  SocketAddress address;
  socklen_t size = SocketAddress::storage_size;
  ::getsockname(fd_, address.storage(), &size);
  return address;
}

bool ClientSocket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void ClientSocket::half_close() {
  ::shutdown(fd_, SHUT_WR);
}

void ClientSocket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void ClientSocket::reset() {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close();
}

void ClientSocket::set_receive_buffer(int size) const {
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

std::string ClientSocket::receive(std::size_t count) {
  std::string text;
  std::array<char, 65536> part;
  while (text.size() < count && readable(patience)) {
    const ssize_t got = ::recv(fd_, part.data(), std::min(part.size(), count - text.size()), 0);
    if (got <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return text;
}

bool ClientSocket::is_reset() {
  if (error_ != 0) return error_ == ECONNRESET;  // the server reset it before connect(2) returned
  char byte = 0;
  return readable(patience) && ::recv(fd_, &byte, 1, 0) < 0 && errno == ECONNRESET;
}

bool ClientSocket::readable(std::chrono::milliseconds limit) const {
  pollfd polled{.fd = fd_, .events = POLLIN, .revents = 0};
  return ::poll(&polled, 1, static_cast<int>(limit.count())) == 1;
}

std::string echo_through(ClientSocket& client, std::string_view bytes) {
  std::jthread sender([&] {
    client.send(bytes);
    client.half_close();
  });
  return client.receive_all();
}

std::string varied_bytes(std::size_t count, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(generator());
  return bytes;
}

std::size_t fill_until_stalled(ClientSocket& client) {
  const timeval soon{.tv_sec = 0, .tv_usec = 300'000};
  ::setsockopt(client.fd(), SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
  const std::string block(1 << 20, 'x');
  std::size_t count = 0;
  while (client.send(block)) ++count;
  return count;
}

}  // namespace harness
