#pragma once

#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/socket_address.hpp"
#include "tcpserver/posix/unique_fd.hpp"

#include <cstdint>

namespace tcpserver::server {

// What the accept loop hands its connections to: forked children (ForkedSessions), or one client after
// another in this process (IterativeSessions).
class Sessions {
 public:
  virtual ~Sessions() = default;

  [[nodiscard]] virtual std::uint32_t open() const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t most() const noexcept = 0;

  // Serves the client of this connection; `peer` is its address. Needs open() < most(). Never throws, never
  // ends the server: a client that cannot be served is closed and counted.
  virtual void start(posix::UniqueFd connection, const posix::SocketAddress& peer) noexcept = 0;

  // Books the sessions that ended since the last call, and frees their places.
  virtual void settle() noexcept = 0;

  // After the last start(): waits for the open sessions until `deadline` or a second request to stop, then
  // ends those that are left.
  virtual void drain(posix::TimePoint deadline) noexcept = 0;
};

}  // namespace tcpserver::server
