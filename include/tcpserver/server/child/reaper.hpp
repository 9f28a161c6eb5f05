#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/server/child/scoreboard.hpp"

#include "server/child/child_table.hpp"

#include <cstdint>
#include <optional>

namespace tcpserver::server {

// Waits for all children that have ended, whoever they are, until none is left; returns how many. Signals
// merge: while SIGCHLD is pending, further ends of children add nothing to it. So one signal may stand for
// any number of children (signal(7); UNP vol. 1, 5.10). `visit(pid, wait_status)` is told of each.
// Async-signal-safe as far as `visit` is.
std::uint64_t reap_all(void (*visit)(void* context, pid_t pid, int wait_status), void* context) noexcept;

// Reaps the children of a child table. With few of them it just asks the kernel until none is left. That
// looks at each child in turn, those that still run included: with 10,000 sessions open, each end would cost
// more than a fork. So where there are many, those are asked for by pid who have announced their end in the
// scoreboard; and who could not, being killed, is found by a sweep over all, now and then, and when nobody
// had announced anything.
class Reaper final : public base::ChildCollector {
 public:
  Reaper(ChildTable& children, const Scoreboard& scoreboard) noexcept
      : children_(children), scoreboard_(scoreboard) {}

  std::uint64_t collect() noexcept override;
  [[nodiscard]] std::optional<base::TimePoint> due() const noexcept override;

 private:
  std::uint64_t reap_announced() noexcept;
  std::uint64_t sweep() noexcept;

  ChildTable& children_;
  const Scoreboard& scoreboard_;
  bool owes_sweep_ = false;
  base::TimePoint next_sweep_{};
};

}  // namespace tcpserver::server
