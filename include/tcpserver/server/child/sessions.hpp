#pragma once

#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/child/host.hpp"
#include "tcpserver/server/confine/sandbox.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/session_report.hpp"

#include <cstdint>
#include <memory>

namespace tcpserver::server {

// Serves accepted connections, each in a child, or one after another in this process
// (admit/iterative_sessions.hpp).
class Sessions {
 public:
  virtual ~Sessions() = default;

  // Counts the open sessions. `with_bytes` also adds up their bytes, which takes longer.
  [[nodiscard]] virtual OpenSessions count(bool with_bytes) const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t count(const Host&) const noexcept { return 0; }
  [[nodiscard]] bool full() const noexcept {
    const auto sessions = count(false);
    return sessions.open >= sessions.most;  // a reload may have lowered the limit
  }

  // Changes the limit. Ends no session. Throws StartError and changes nothing if memory is not available.
  virtual void resize(std::uint32_t max_connections) = 0;

  // Call before the first start(), and again after opening memory or descriptors permanently.
  virtual void prepare() noexcept {}

  // Serves a client. There must be a free slot. Returns false if the system is short of resources; then the
  // caller should pause.
  [[nodiscard]] virtual bool start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept = 0;

  // Returns true if new clients should stay in the listen queue because memory is short.
  [[nodiscard]] virtual bool is_short_of_memory() noexcept { return false; }

  // Reports the sessions that have ended and frees their slots. Returns true if there were any.
  virtual bool collect_finished() noexcept { return false; }

  // First delivers pending signals, then does the same. Call before a client is refused, because a wait that
  // finds clients delivers no signals.
  virtual void reap_now() noexcept {}

  // Call when no start() follows. From now on all ended children are reaped, whatever --reap says.
  virtual void begin_drain() noexcept {}

  // Kills all open sessions.
  virtual void kill_all() noexcept {}
};

// One child process per connection. All references must outlive the result. Throws StartError if memory is
// not available.
[[nodiscard]] std::unique_ptr<Sessions> make_forked_sessions(const ServerOptions& options, Sandbox sandbox,
                                                             base::SignalWindow& window,
                                                             SessionReporter& reporter, Counters& counters,
                                                             Log& log);

}  // namespace tcpserver::server
