#pragma once

#include "tcpserver/options/server_options.hpp"
#include "tcpserver/server/counters.hpp"
#include "tcpserver/server/session.hpp"
#include "tcpserver/server/sessions.hpp"
#include "tcpserver/server/signal_window.hpp"

#include <functional>
#include <optional>

namespace tcpserver::server {

// One client after another in this very process: start() returns when the session is over, and until then
// every other client waits in the listen queue. That is the problem which a fork per connection solves.
// Signals are served meanwhile: the session waits in the signal window.
class IterativeSessions final : public Sessions, private SessionWaiter {
 public:
  // `attend` is called after each wait of a session, to answer the signals that came.
  IterativeSessions(const options::ServerOptions& options, SignalWindow& window, Counters& counters,
                    std::function<void()> attend);

  [[nodiscard]] std::uint32_t open() const noexcept override { return serving_ ? 1 : 0; }
  [[nodiscard]] std::uint32_t most() const noexcept override { return 1; }
  void start(posix::UniqueFd connection, const posix::SocketAddress& peer) noexcept override;
  void settle() noexcept override {}
  void drain(posix::TimePoint) noexcept override {}  // start() has seen to it

 private:
  Result wait(int connection, short events) noexcept override;

  const options::ServerOptions& options_;
  SignalWindow& window_;
  Counters& counters_;
  std::function<void()> attend_;
  std::optional<posix::TimePoint> drain_deadline_;
  bool serving_ = false;
};

}  // namespace tcpserver::server
