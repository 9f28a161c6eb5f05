#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/clock.hpp"
#include "tcpserver/kernel/socket_facts.hpp"
#include "tcpserver/server/listen/listener.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tcpserver::server {

// Why a queue is too short, as far as the server can tell.
struct OverflowScene {
  Mode mode = Mode::fork;
  bool full = false;  // as many sessions as --max-connections allows
  std::uint32_t max_connections = 0;
  int backlog = 0;                  // what listen was asked for
  std::uint32_t in_effect = 0;      // what the kernel made of it
  int largest = 0;                  // SOMAXCONN but in tests
  bool of_service_manager = false;  // who chose the backlog
};

using Advice = base::BoundedText<160>;

// What helps: "raise --backlog ...".
[[nodiscard]] Advice overflow_advice(const OverflowScene& scene) noexcept;

// Notices that listen queues overflow: the kernel drops the SYN, counts it, and tells nobody. Looks once per
// second while something happens and warns at most once per minute, with the number of drops since the last
// warning. The source is each listener's own count. It also contains drops without an overflow, which a
// client can cause by connecting and closing at once. So no more drops count than the network namespace had
// overflows (ListenOverflows). Silent if the kernel has no such count. Allocates nothing after construction.
class OverflowWatch {
 public:
  explicit OverflowWatch(std::span<const Listener> listeners);

  // Looks if the last look was a second ago. `scene` is completed for each listener that has dropped
  // something.
  void after_wait(base::TimePoint now, std::span<const Listener> listeners, OverflowScene scene,
                  Log& log) noexcept;

  // Before the listeners are closed: says what was not said yet.
  void before_closing(std::span<const Listener> listeners, OverflowScene scene, Log& log) noexcept;

  // When to look again: while `unattended`, that is while nobody accepts, once a second in any case.
  [[nodiscard]] std::optional<base::TimePoint> due(bool unattended) const noexcept;

  // Drops of all listeners since the start, as of now, or as of the last look if the span is empty. nullopt
  // if unknown.
  [[nodiscard]] std::optional<std::uint64_t> dropped(std::span<const Listener> listeners) noexcept;

 private:
  struct Count {
    std::optional<std::uint32_t> last;  // the kernel's counter, which wraps around
    std::uint32_t more = 0;             // since the look before
    std::uint64_t unreported = 0;
  };
  void count(std::span<const Listener> listeners) noexcept;
  void report(std::span<const Listener> listeners, OverflowScene scene, Log& log) noexcept;
  [[nodiscard]] bool has_unreported() const noexcept;

  std::vector<Count> counts_;               // one per listener, in the same order
  std::optional<std::uint64_t> overflows_;  // of the namespace, at the last look
  std::uint64_t dropped_ = 0;
  bool told_ = false;
  bool skipped_ = false;   // something happened after the last look
  bool was_full_ = false;  // at any time since the last report
  base::TimePoint next_look_{};
  base::TimePoint next_report_{};
};

}  // namespace tcpserver::server
