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

// Recommends what to do about a full listen queue: "raise --backlog ...". `full`: no client was accepted
// because of --max-connections. `limit` is the queue's limit in effect.
[[nodiscard]] Advice overflow_advice(const ServerOptions& options, const Listeners& listeners, bool full,
                                     std::uint32_t limit) noexcept;

// Detects full listen queues. The kernel then drops connection attempts silently and only counts them. Checks
// once per second while the server is active, and warns at most once per minute with the number of drops
// since the last warning. Each listener has its own counter, which also counts drops without an overflow;
// clients can cause those. So the sum is capped at the ListenOverflows counter of the network namespace. Does
// nothing if the kernel has no such counters. Allocates nothing after construction.
class OverflowWatch {
 public:
  // All references must outlive this object.
  OverflowWatch(const ServerOptions& options, const Listeners& listeners, Log& log);

  // Checks if the last check was a second ago. `full`: no client is accepted because of --max-connections.
  void after_wait(base::TimePoint now, bool full) noexcept;

  // Reports all drops that were not reported yet. Call before a reload changes the limit or the advice, and
  // before the listeners are closed.
  void report_now(bool full) noexcept;

  // Returns the time of the next check or report; nullopt if none is planned.
  [[nodiscard]] std::optional<base::TimePoint> due(bool full) const noexcept;

  // Returns the drops of all listeners since the start; nullopt if unknown. After the listeners are closed,
  // the number stays that of the last check.
  [[nodiscard]] std::optional<std::uint64_t> dropped() noexcept;

 private:
  struct Count {
    std::optional<std::uint32_t> last;  // the kernel's counter, which wraps around
    std::uint32_t more = 0;             // since the previous check
    std::uint64_t unreported = 0;
  };
  void count() noexcept;
  void report() noexcept;
  [[nodiscard]] bool has_unreported() const noexcept;

  const ServerOptions& options_;  // a reload changes them
  const Listeners& listeners_;
  Log& log_;
  std::vector<Count> counts_;               // one per listener, in the same order
  std::optional<std::uint64_t> overflows_;  // ListenOverflows at the last check
  std::uint64_t dropped_ = 0;
  bool known_ = false;     // the kernel counts drops
  bool skipped_ = false;   // the server was active after the last check
  bool was_full_ = false;  // at any time since the last report
  base::TimePoint next_check_{};
  base::TimePoint next_report_{};
};

}  // namespace tcpserver::server
