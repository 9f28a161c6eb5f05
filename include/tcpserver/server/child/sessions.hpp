#pragma once

#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/child/host.hpp"
#include "tcpserver/server/report/counters.hpp"

#include <cstdint>

namespace tcpserver::server {

// Serves accepted connections: with a child for each (ForkedSessions), or one after another in this process
// (IterativeSessions).
class Sessions {
 public:
  virtual ~Sessions() = default;

  // Counts the open sessions. `with_bytes` adds up the bytes of each, which takes longer.
  [[nodiscard]] virtual OpenSessions count(bool with_bytes) const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t count(const Host&) const noexcept { return 0; }
  [[nodiscard]] bool full() const noexcept {
    const auto sessions = count(false);
    return sessions.open >= sessions.most;  // a reload may have lowered the limit
  }

  // Changes the limit. Ends no session. Throws StartError and changes nothing if memory is not available.
  virtual void resize(std::uint32_t max_connections) = 0;

  // Call before the first start(), and again after memory or descriptors were opened that are kept.
  virtual void prepare() noexcept {}

  // Serves a client. Must not be full. Returns false if the system is short of resources; the next client
  // should wait then.
  [[nodiscard]] virtual bool start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept = 0;

  // True if new clients should stay in the listen queue because memory is short.
  [[nodiscard]] virtual bool is_short_of_memory() noexcept { return false; }

  // Reports the sessions that have ended and frees their slots. Returns true if there were any.
  virtual bool collect_finished() noexcept { return false; }

  // The same, for sessions that end at this moment too. A wait that finds clients delivers no signals, so
  // call this before a client is refused.
  virtual void reap_now() noexcept {}

  // No start() follows. From now on sessions are collected even with --reap none.
  virtual void begin_drain() noexcept {}

  // Kills all open sessions.
  virtual void kill_all() noexcept {}
};

}  // namespace tcpserver::server
