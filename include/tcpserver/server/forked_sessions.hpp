#pragma once

#include "tcpserver/options/server_options.hpp"
#include "tcpserver/server/child_table.hpp"
#include "tcpserver/server/counters.hpp"
#include "tcpserver/server/log.hpp"
#include "tcpserver/server/sandbox.hpp"
#include "tcpserver/server/scoreboard.hpp"
#include "tcpserver/server/sessions.hpp"
#include "tcpserver/server/signal_window.hpp"

namespace tcpserver::server {

// One child process a connection. The references must outlive it.
class ForkedSessions final : public Sessions {
 public:
  // Throws StartError where the memory of the child table cannot be had.
  ForkedSessions(const options::ServerOptions& options, Sandbox sandbox, SignalWindow& window,
                 Counters& counters, Log& log);

  [[nodiscard]] std::uint32_t open() const noexcept override { return children_.in_use(); }
  [[nodiscard]] std::uint32_t most() const noexcept override { return children_.capacity(); }
  void start(posix::UniqueFd connection, const posix::SocketAddress& peer) noexcept override;
  void settle() noexcept override;
  void drain(posix::TimePoint deadline) noexcept override;

 private:
  void settle(ChildTable::Slot slot) noexcept;
  void wait_for_children(posix::TimePoint deadline, int stop_requests) noexcept;

  const options::ServerOptions& options_;
  Sandbox sandbox_;
  SignalWindow& window_;
  Counters& counters_;
  Log& log_;
  ChildTable children_;
  Scoreboard scoreboard_;
  bool killing_ = false;  // the drain is over: children die by our own hand
  RateLimit fork_failures_{std::chrono::seconds(1)};
  RateLimit odd_ends_{std::chrono::seconds(1)};
};

}  // namespace tcpserver::server
