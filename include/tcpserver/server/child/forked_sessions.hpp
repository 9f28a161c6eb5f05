#pragma once

#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/server/child/reaper.hpp"
#include "tcpserver/server/child/scoreboard.hpp"
#include "tcpserver/server/child/sessions.hpp"
#include "tcpserver/server/child/slot_table.hpp"
#include "tcpserver/server/confine/sandbox.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log.hpp"
#include "tcpserver/server/report/session_report.hpp"

#include <memory>

namespace tcpserver::server {

class Launcher;
class MemoryGuard;

// One child process per connection.
class ForkedSessions final : public Sessions {
 public:
  // All references must outlive this object. Throws StartError if memory is not available.
  ForkedSessions(const ServerOptions& options, Sandbox sandbox, base::SignalWindow& window,
                 SessionReporter& reporter, Counters& counters, Log& log);
  ~ForkedSessions() override;

  [[nodiscard]] OpenSessions count(bool with_bytes) const noexcept override;
  [[nodiscard]] std::uint32_t count(const Host& host) const noexcept override;
  void resize(std::uint32_t max_connections) override;
  void prepare() noexcept override;
  [[nodiscard]] bool start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept override;
  [[nodiscard]] bool is_short_of_memory() noexcept override;
  bool collect_finished() noexcept override;
  void reap_now() noexcept override;
  void begin_drain() noexcept override;
  void kill_all() noexcept override;

 private:
  void start_reaping() noexcept;
  void finish(SlotTable::Slot slot) noexcept;

  const ServerOptions& options_;  // a reload changes them
  Sandbox sandbox_;
  base::SignalWindow& window_;
  SessionReporter& reporter_;
  Counters& counters_;
  Log& log_;
  pid_t own_pid_;
  int highest_descriptor_ = 0;  // of those that this process keeps open; known after prepare()
  std::unique_ptr<MemoryGuard> memory_guard_;
  std::unique_ptr<Launcher> launcher_;
  SlotTable slots_;
  Scoreboard scoreboard_;
  Reaper reaper_{slots_, scoreboard_};
  bool reaping_ = false;
  bool inheritance_is_logged_ = false;
  bool killing_ = false;  // children that die of SIGKILL were killed by this server
  RateLimit fork_failures_{std::chrono::seconds(1)};
};

}  // namespace tcpserver::server
