#pragma once

#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/child/context.hpp"

namespace tcpserver::server {

// What the accept loop hands its connections to: forked children (ForkedSessions), or one client after
// another in this process (IterativeSessions).
class Sessions {
 public:
  virtual ~Sessions() = default;

  // Of places and bytes. Cheap where only open and most are read; `with_bytes` looks at each open session.
  [[nodiscard]] virtual OpenSessions count(bool with_bytes) const noexcept = 0;
  [[nodiscard]] bool full() const noexcept {
    const auto sessions = count(false);
    return sessions.open >= sessions.most;  // a reload may have lowered the limit
  }

  // Another limit, from now on. Below what is open, it ends nobody. Throws StartError where the memory cannot
  // be had: the old limit stays then.
  virtual void resize(std::uint32_t max_connections) = 0;

  // Before the first start(), and after whatever may have taken memory or descriptors for good: so that
  // starts are cheap, and children know what to close.
  virtual void get_ready() noexcept {}

  // Serves the client of this connection, or refuses it; `peer` is its address. Must not be full. False where
  // the system is short of what it takes: the next client should not be tried at once.
  [[nodiscard]] virtual bool start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept = 0;

  // True if new clients should stay in the listen queue because memory is short.
  [[nodiscard]] virtual bool is_short_of_memory() noexcept { return false; }

  // Books the sessions that ended since the last call, and frees their places. Whether there were any.
  virtual bool settle() noexcept = 0;

  // Before a client is refused for want of a place: books what has ended until this moment. A wait that finds
  // clients delivers no signal, so ended sessions may not be known yet.
  virtual void catch_up() noexcept = 0;

  // After the last start(): waits for the open sessions until the drain time-out or a second request to stop,
  // then ends those that are left.
  virtual void drain() noexcept = 0;

 protected:
  // The line that tells the operator of a drain.
  static void say_draining(const Context& context, std::uint32_t open) noexcept;
};

}  // namespace tcpserver::server
