#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/server/child/scoreboard.hpp"
#include "tcpserver/server/child/slot_table.hpp"

#include <cstdint>
#include <optional>

namespace tcpserver::server {

// Reaps the children of a slot table. With few children it asks the kernel for any, until none has ended. The
// kernel then looks at each child in turn, running ones included: with 10,000 sessions each end would cost
// more than a fork. So with many children the reaper asks by pid for those that announced their end on the
// scoreboard. A killed child cannot announce it; a sweep over all finds it, now and then, and whenever nobody
// has announced anything.
class Reaper final : public base::ChildCollector {
 public:
  Reaper(SlotTable& slots, const Scoreboard& scoreboard) noexcept : slots_(slots), scoreboard_(scoreboard) {}

  std::uint64_t collect() noexcept override;
  [[nodiscard]] std::optional<base::TimePoint> due() const noexcept override;

 private:
  std::uint64_t reap_announced() noexcept;
  std::uint64_t sweep() noexcept;

  SlotTable& slots_;
  const Scoreboard& scoreboard_;
  bool owes_sweep_ = false;
  base::TimePoint next_sweep_{};
};

}  // namespace tcpserver::server
