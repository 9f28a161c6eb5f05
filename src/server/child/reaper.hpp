#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/server/options.hpp"

#include "server/child/scoreboard.hpp"
#include "server/child/slot_table.hpp"

#include <cstdint>
#include <optional>

namespace tcpserver::server {

// Reaps the children of a slot table. With few children it sweeps: it calls waitpid for any child until none
// has ended. For this the kernel examines all children, running ones included: with 10,000 sessions it would
// take longer than a fork. So with many children the reaper calls waitpid only for those that announced their
// end on the scoreboard. A killed child cannot announce it, so the reaper also sweeps from time to time, and
// whenever no end was announced.
//
// With --reap once it calls waitpid once per signal instead, until reap_all() is called.
class Reaper final : public base::ChildCollector {
 public:
  Reaper(SlotTable& slots, const Scoreboard& scoreboard, Reap reap = Reap::handler) noexcept
      : slots_(slots), scoreboard_(scoreboard), once_(reap == Reap::once) {}

  // From now on collect() leaves no ended child.
  void reap_all() noexcept { once_ = false; }

  std::uint64_t collect() noexcept override;
  [[nodiscard]] std::optional<base::TimePoint> due() const noexcept override;

 private:
  [[nodiscard]] bool reap_any() noexcept;
  std::uint64_t reap_announced() noexcept;
  std::uint64_t sweep() noexcept;

  SlotTable& slots_;
  const Scoreboard& scoreboard_;
  bool once_;
  bool sweep_pending_ = false;
  base::TimePoint next_sweep_{};
};

}  // namespace tcpserver::server
