#pragma once

#include "tcpserver/posix/clock.hpp"

#include <poll.h>

#include <cstdint>
#include <optional>
#include <span>

namespace tcpserver::server {

class ChildTable;

// SIGCHLD, SIGTERM, SIGINT, SIGHUP and SIGUSR1 stay blocked, but inside wait(), where ppoll opens the mask
// and blocks in one step: no wake-up is lost between a test and the wait, and no handler ever meets the child
// table half changed. One object a process.
class SignalWindow {
 public:
  // Replaces the inherited mask and dispositions. SIGPIPE is ignored: a write tells EPIPE instead. So are
  // SIGXFSZ and SIGTTOU, by which a log file at its size limit and a terminal that shows no output of jobs in
  // the background would end or stop the server.
  // SIGCHLD gets its default, which leaves ended children as zombies, until start_reaping().
  SignalWindow() noexcept;

  // From now on the SIGCHLD handler reaps every ended child and notes it in the table (null: nowhere).
  // Children that ended before are reaped at once.
  void start_reaping(ChildTable* children) noexcept;

  // Children that were reaped, and how often the SIGCHLD handler ran. Signals merge: fewer than the children,
  // and so many children a handler that waits once for each signal would have left as zombies.
  struct Reaped {
    std::uint64_t children = 0;
    std::uint64_t signals = 0;
  };
  [[nodiscard]] Reaped reaped() const noexcept;

  // ppoll with the window open. Returns what ppoll returns: the number of ready descriptors, 0 after the
  // time-out, -1 with errno, EINTR after a signal. Where a descriptor is ready at once, ppoll returns without
  // delivering the pending signals (Linux, fs/select.c: the mask is restored first): a flood of clients would
  // keep all signals out. Who polls descriptors has to call let_signals_in() from time to time.
  // Where ppoll itself fails (ENOMEM; EINVAL with more descriptors than the limit allows), it rests for a
  // tenth of a second, in the open window, before it says so: no caller can spin.
  int wait(std::span<pollfd> descriptors, std::optional<posix::Duration> timeout) noexcept;

  // Delivers what is pending, waits for nothing.
  void let_signals_in() noexcept;

  [[nodiscard]] int stop_requests() const noexcept;   // SIGTERMs and SIGINTs so far
  [[nodiscard]] bool take_status_request() noexcept;  // SIGUSR1 since the last call
  [[nodiscard]] bool take_reload_request() noexcept;  // SIGHUP since the last call

  // What a forked child does first: default dispositions, an empty mask. SIGPIPE stays ignored. SIGINT,
  // SIGHUP and SIGUSR1 are ignored too: a Ctrl-C goes to the whole process group, `pkill -HUP tcpserver` to
  // every process of that name, and neither may cut a session that the parent means to keep.
  static void reset_for_child() noexcept;
};

}  // namespace tcpserver::server
