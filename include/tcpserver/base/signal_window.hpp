#pragma once

#include "tcpserver/base/clock.hpp"

#include <poll.h>

#include <cstdint>
#include <optional>
#include <span>

namespace tcpserver::base {

// Collects ended children for the SIGCHLD handler. Its functions run in the handler, so they must be
// async-signal-safe.
class ChildCollector {
 public:
  // Calls waitpid until no ended child is left, because one SIGCHLD may stand for several children: pending
  // signals merge (signal(7); UNP vol. 1, 5.10). A collector that demonstrates this calls waitpid only once.
  // Returns the number of children.
  virtual std::uint64_t collect() noexcept = 0;

  // Returns when to call collect() again even without a signal; nullopt if a signal is certain to come.
  [[nodiscard]] virtual std::optional<TimePoint> due() const noexcept { return std::nullopt; }

 protected:
  ~ChildCollector() = default;
};

// Collects all children of this process and keeps no record of them.
[[nodiscard]] ChildCollector& unrecorded_collector() noexcept;

// SIGCHLD, SIGTERM, SIGINT, SIGHUP and SIGUSR1 are blocked except inside wait(), where ppoll(2) opens the
// mask and waits atomically. So no signal is lost between a test and the wait, and handlers never see a
// half-changed table. Children keep the blocked mask, so a SIGTERM to the whole process group or service
// drains sessions like a SIGTERM to the server alone. One object per process.
class SignalWindow {
 public:
  // Replaces the inherited mask and dispositions. Ignores SIGPIPE (write returns EPIPE instead), SIGXFSZ (a
  // log file at its size limit) and SIGTTOU (a background job's terminal). SIGCHLD gets its default, which
  // leaves ended children as zombies, until start_reaping().
  SignalWindow() noexcept;

  // Makes SIGHUP a stop request, but never the second one: a closed terminal may send it twice.
  void stop_on_hangup() noexcept;

  // Makes the SIGCHLD handler call this collector, which must outlive its use. Collects at once the children
  // that have already ended.
  void start_reaping(ChildCollector& collector) noexcept;

  // Counts the collected children and the runs of the SIGCHLD handler. The difference is the number of
  // zombies that a handler with one waitpid per signal would have left.
  struct Reaped {
    std::uint64_t children = 0;
    std::uint64_t signals = 0;
  };
  [[nodiscard]] Reaped reaped() const noexcept;

  // Calls ppoll with the window open. Returns the number of ready descriptors, 0 after the timeout or when
  // the collector was due, -1 with errno (EINTR after a signal). If a descriptor is ready at once, ppoll does
  // not deliver pending signals (Linux, fs/select.c), so callers that poll descriptors must also call
  // deliver_pending_signals() from time to time. If ppoll fails (ENOMEM, EINVAL), waits 100 ms in the open
  // window before it returns, so that no caller spins.
  int wait(std::span<pollfd> descriptors, std::optional<Duration> timeout) noexcept;

  // Opens the window without waiting.
  void deliver_pending_signals() noexcept;

  [[nodiscard]] int stop_requests() const noexcept;   // SIGTERMs, SIGINTs, the first stopping SIGHUP
  [[nodiscard]] bool take_status_request() noexcept;  // true if SIGUSR1 came since the last call
  [[nodiscard]] bool take_reload_request() noexcept;  // true if SIGHUP came since the last call
};

}  // namespace tcpserver::base
