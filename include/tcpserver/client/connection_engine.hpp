#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <signal.h>
#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <vector>

// Many connections in one process and thread. tcpclient --clients draws them as a timeline, tcpload counts
// them.
namespace tcpserver::client {

// A non-blocking TCP socket for the family of this address; empty, with errno, on failure.
[[nodiscard]] base::UniqueFd open_socket(const base::SocketAddress& server) noexcept;

// Begins to connect. With `source` the connection comes from that address; its port is chosen by connect, not
// by bind, so that each source has all its ports once for each server (IP_BIND_ADDRESS_NO_PORT, ip(7)).
// Returns 0 if the connection is established or under way, otherwise errno.
[[nodiscard]] int start_connect(int fd, const base::SocketAddress& server,
                                const base::SocketAddress* source) noexcept;

struct Ready {
  std::uint32_t slot;
  bool readable;  // or at its end, or broken
  bool writable;  // or broken
};

// Waits for many connections, each known by its slot (epoll(7)). Level-triggered: a connection is reported
// until its state is dealt with. Closing a descriptor removes its connection.
class ConnectionEngine {
 public:
  enum class Want : std::uint8_t { read, read_and_write };

  // Throws StartError (system).
  ConnectionEngine();

  // False with errno.
  [[nodiscard]] bool watch(int fd, std::uint32_t slot, Want want) noexcept;
  [[nodiscard]] bool change(int fd, std::uint32_t slot, Want want) noexcept;

  // Waits at most for `limit`, and until a signal that `mask` lets in. The result is valid until the next
  // call; it may be a part of what is ready. Throws StartError (system).
  [[nodiscard]] const std::vector<Ready>& wait(base::Duration limit, const sigset_t& mask);

 private:
  // Many at a time make the call cheap for each; not so many that the last has to wait long for its turn.
  static constexpr std::size_t most_events = 128;

  // Returns the number of events, or -1 with errno.
  [[nodiscard]] int wait_for_events(base::Duration limit, const sigset_t& mask) noexcept;

  base::UniqueFd epoll_;
  std::array<epoll_event, most_events> events_{};
  std::vector<Ready> ready_;
};

}  // namespace tcpserver::client
