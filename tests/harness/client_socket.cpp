#include "harness/client_socket.hpp"

#include "harness/process.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <random>
#include <thread>
#include <utility>

namespace harness {

namespace {

sockaddr_in ipv4(const char* text, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, text, &address.sin_addr);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

ClientSocket::ClientSocket(std::uint16_t port, int family, const char* address_text)
    : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (family != AF_INET6) {
    connect_to(address_text, port);
    return;
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  address.sin6_port = htons(port);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) error_ = errno;
}

std::uint16_t ClientSocket::own_port() const {
  sockaddr_in6 address{};  // the port is at the same place in both families
  socklen_t size = sizeof address;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin6_port);
}

ClientSocket ClientSocket::from(const char* source, std::uint16_t port, std::uint16_t own_port) {
  ClientSocket client;
  client.fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = ipv4(source, own_port);
  if (::bind(client.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
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

void ClientSocket::connect_to(const char* text, std::uint16_t port) {
  const auto address = ipv4(text, port);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) error_ = errno;
}

ClientSocket::~ClientSocket() {
  close();
}

ClientSocket::ClientSocket(ClientSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), error_(std::exchange(other.error_, ENOTCONN)) {}

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

std::string ClientSocket::receive(std::size_t count) {
  constexpr std::size_t part_size = 65536;
  std::string text;
  std::array<char, part_size> part;
  while (text.size() < count) {
    if (!readable(patience)) break;
    const ssize_t got = ::recv(fd_, part.data(), std::min(part_size, count - text.size()), 0);
    if (got <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::string ClientSocket::receive_all() {
  return receive(std::string::npos);
}

bool ClientSocket::is_reset() {
  // A server that is quick enough resets before connect(2) has returned, and connect is who tells then.
  if (error_ != 0) return error_ == ECONNRESET;
  char byte = 0;
  return readable(patience) && ::recv(fd_, &byte, 1, 0) < 0 && errno == ECONNRESET;
}

bool ClientSocket::settled(std::chrono::milliseconds limit) const {
  pollfd polled{.fd = fd_, .events = POLLOUT, .revents = 0};
  return ::poll(&polled, 1, static_cast<int>(limit.count())) == 1;
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
