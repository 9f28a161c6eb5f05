#include "load/transfer.hpp"

#include "tcpserver/base/io.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tcpserver::load {

namespace {

// Few system calls for a long stream, and pieces that the processor's cache holds all the same.
constexpr std::uint64_t largest_piece = 256 * 1024;

std::size_t piece_of(std::uint64_t size) {
  return static_cast<std::size_t>(std::min(size, largest_piece));
}

// ENOTCONN: the connect is under way on a system that says so.
bool is_to_wait(int error) {
  return base::would_block(error) || error == ENOTCONN;
}

}  // namespace

// One byte more than a reply may have: so a surplus shows.
Transfer::Transfer(base::Verb verb, std::uint64_t size)
    : size_(size), pattern_(verb, piece_of(size)), buffer_(piece_of(size) + 1) {}

std::optional<Fault> Transfer::send(Connection& connection) {
  const std::uint64_t place = Pattern::place_of(connection.number, connection.round) + connection.sent;
  const auto bytes = pattern_.sent(place, piece_of(size_ - connection.sent));
  const ssize_t count = ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count < 0) return is_to_wait(errno) ? std::nullopt : std::optional(fault_from_errno(errno));
  connection.sent += static_cast<std::uint64_t>(count);
  bytes_sent_ += static_cast<std::uint64_t>(count);
  return std::nullopt;
}

Transfer::Received Transfer::receive(Connection& connection) {
  const std::size_t expected = piece_of(size_ - connection.received);
  const std::size_t room = expected + (size_ - connection.received == expected ? 1 : 0);
  const ssize_t count = ::recv(connection.fd.get(), buffer_.data(), room, 0);
  if (count < 0) {
    return {.fault = is_to_wait(errno) ? std::nullopt : std::optional(fault_from_errno(errno))};
  }
  if (count == 0) {
    if (connection.received == size_) return {.fault = std::nullopt, .at_end = true};
    return {.fault = Fault{.kind = ErrorKind::closed_early, .at = connection.received}};
  }
  bytes_received_ += static_cast<std::uint64_t>(count);
  return {.fault = compare(connection, static_cast<std::size_t>(count))};
}

// Of the first `count` bytes of the buffer.
std::optional<Fault> Transfer::compare(Connection& connection, std::size_t count) const {
  const std::uint64_t place = Pattern::place_of(connection.number, connection.round) + connection.received;
  const std::uint64_t in_order = std::min<std::uint64_t>(count, connection.sent - connection.received);
  const auto expected = pattern_.expected(place, static_cast<std::size_t>(in_order));
  if (std::memcmp(buffer_.data(), expected.data(), expected.size()) != 0) {
    return difference(connection, place, expected.size());
  }
  connection.received += in_order;
  if (in_order == count) return std::nullopt;
  return Fault{.kind = ErrorKind::wrong_bytes, .at = connection.received, .surplus = true};
}

Fault Transfer::difference(const Connection& connection, std::uint64_t place, std::size_t count) const {
  const auto expected = pattern_.expected(place, count);
  const auto sent = pattern_.sent(place, count);
  const auto differs = std::mismatch(expected.begin(), expected.end(), buffer_.begin());
  // What one service sends back where the other is expected.
  const bool letters_alone = std::equal(sent.begin(), sent.end(), buffer_.begin(), [](char asked, char came) {
    return came == asked || came == base::reply_to(base::Verb::upper, asked);
  });
  return {.kind = ErrorKind::wrong_bytes,
          .at = connection.received + static_cast<std::uint64_t>(differs.first - expected.begin()),
          .other_service = letters_alone};
}

}  // namespace tcpserver::load
