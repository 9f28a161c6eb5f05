#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/clock.hpp"
#include "tcpserver/server/listen/listeners.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace tcpserver::server {

using Advice = base::BoundedText<160>;

// Says what helps against a listen queue that overflows: "raise --backlog ...". `full`: nobody was accepted
// because of --max-connections. `limit` is that of the queue.
[[nodiscard]] Advice overflow_advice(const ServerOptions& options, const Listeners& listeners, bool full,
                                     std::uint32_t limit) noexcept;

// Notices that listen queues overflow: the kernel drops the SYN, counts it, and tells nobody. Looks once per
// second while something happens and warns at most once per minute, with the number of drops since the last
// warning. The source is each listener's own count. It also contains drops without an overflow, which a
// client can cause by connecting and closing at once. So the sum is capped at the ListenOverflows of the
// network namespace. Silent if the kernel has no such count. Allocates nothing after construction.
class OverflowWatch {
 public:
  // All references must outlive this object.
  OverflowWatch(const ServerOptions& options, const Listeners& listeners, Log& log);

  // Looks if the last look was a second ago. `full`: nobody is accepted because of --max-connections.
  void after_wait(base::TimePoint now, bool full) noexcept;

  // Reports what was not reported yet. Call before the listeners are closed.
  void before_closing(bool full) noexcept;

  // Returns the time of the next look or report; nullopt if none is planned.
  [[nodiscard]] std::optional<base::TimePoint> due(bool full) const noexcept;

  // Returns the drops of all listeners since the start; once they are closed, as of the last look. nullopt if
  // unknown.
  [[nodiscard]] std::optional<std::uint64_t> dropped() noexcept;

 private:
  struct Count {
    std::optional<std::uint32_t> last;  // the kernel's counter, which wraps around
    std::uint32_t more = 0;             // since the previous look
    std::uint64_t unreported = 0;
  };
  void count() noexcept;
  void report() noexcept;
  [[nodiscard]] bool has_unreported() const noexcept;

  const ServerOptions& options_;  // a reload changes them
  const Listeners& listeners_;
  Log& log_;
  std::vector<Count> counts_;               // one per listener, in the same order
  std::optional<std::uint64_t> overflows_;  // ListenOverflows at the last look
  std::uint64_t dropped_ = 0;
  bool known_ = false;     // the kernel counts drops
  bool skipped_ = false;   // something happened after the last look
  bool was_full_ = false;  // at any time since the last report
  base::TimePoint next_look_{};
  base::TimePoint next_report_{};
};

}  // namespace tcpserver::server
