#pragma once

#include "tcpserver/server/child/reaper.hpp"
#include "tcpserver/server/child/scoreboard.hpp"
#include "tcpserver/server/child/sessions.hpp"
#include "tcpserver/server/confine/sandbox.hpp"

#include "server/child/child_table.hpp"
#include "server/child/memory_guard.hpp"
#include "server/child/small_child.hpp"

namespace tcpserver::server {

// One child process a connection.
class ForkedSessions final : public Sessions {
 public:
  // Throws StartError where the memory of the child table cannot be had.
  ForkedSessions(Context context, Sandbox sandbox);

  [[nodiscard]] OpenSessions count(bool with_bytes) const noexcept override;
  void resize(std::uint32_t max_connections) override;
  void get_ready() noexcept override;
  [[nodiscard]] bool start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept override;
  [[nodiscard]] bool is_short_of_memory() noexcept override;
  bool settle() noexcept override;
  void catch_up() noexcept override;
  void drain() noexcept override;

 private:
  void start_reaping() noexcept;
  [[nodiscard]] bool has_room_for(const Host& host) const noexcept;
  void settle(ChildTable::Slot slot) noexcept;
  void warn_of_odd_end(const Child& child, const SessionOutcome& outcome) noexcept;
  [[nodiscard]] pid_t fork_for(int connection, SessionRecord& record, int file) noexcept;
  void wait_for_children(base::TimePoint deadline, int stop_requests) noexcept;

  Context context_;
  Sandbox sandbox_;
  int highest_descriptor_ = 0;  // of those that this process keeps; known from get_ready() on
  pid_t own_pid_;
  MemoryGuard memory_guard_;
  HostTable hosts_;
  ChildTable children_;
  SmallChildren small_children_;
  Scoreboard scoreboard_;
  Reaper reaper_{children_, scoreboard_};
  bool reaping_ = false;
  bool inheritance_is_logged_ = false;
  bool killing_ = false;  // the drain is over: children die by our own hand
  RateLimit host_refusals_{std::chrono::minutes(1)};
  RateLimit fork_failures_{std::chrono::seconds(1)};
  RateLimit odd_ends_{std::chrono::seconds(1)};
};

}  // namespace tcpserver::server
