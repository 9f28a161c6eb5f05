#pragma once

#include "tcpserver/posix/clock.hpp"

#include <poll.h>

#include <cstdint>
#include <optional>
#include <span>

namespace tcpserver::server {

class Reaper;

// SIGCHLD, SIGINT, SIGHUP and SIGUSR1 stay blocked, but inside wait(), where ppoll opens the mask and blocks
// in one step: no wake-up is lost between a test and the wait, and no handler ever meets the child table half
// changed. SIGTERM, whose handler but counts, is open all the time where a wait can be ended before it begins
// (posix/window_poll.hpp): children are born with their parent's mask, and have to hear it, and to open it
// there would be one more system call of each. One object a process.
class SignalWindow {
 public:
  // Replaces the inherited mask and dispositions. SIGPIPE is ignored: a write tells EPIPE instead. So are
  // SIGXFSZ and SIGTTOU, by which a log file at its size limit and a terminal that shows no output of jobs in
  // the background would end or stop the server.
  // SIGCHLD gets its default, which leaves ended children as zombies, until start_reaping().
  SignalWindow() noexcept;

  // From now on the SIGCHLD handler lets this one reap (null: reaps every child, and notes none). Children
  // that ended before are reaped at once.
  void start_reaping(Reaper* reaper) noexcept;

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
  // Ends early, as after the time-out, when the reaper wants to look again.
  // Where ppoll itself fails (ENOMEM; EINVAL with more descriptors than the limit allows), it rests for a
  // tenth of a second, in the open window, before it says so: no caller can spin.
  int wait(std::span<pollfd> descriptors, std::optional<posix::Duration> timeout) noexcept;

  // Delivers what is pending, waits for nothing.
  void let_signals_in() noexcept;

  [[nodiscard]] int stop_requests() const noexcept;   // SIGTERMs and SIGINTs so far
  [[nodiscard]] bool take_status_request() noexcept;  // SIGUSR1 since the last call
  [[nodiscard]] bool take_reload_request() noexcept;  // SIGHUP since the last call

  // Around a fork of a child that has its parent's handlers at first: there a SIGTERM waits until
  // reset_for_child().
  struct SigtermHeld {
    SigtermHeld() noexcept;
    ~SigtermHeld();
    SigtermHeld(const SigtermHeld&) = delete;
    SigtermHeld& operator=(const SigtermHeld&) = delete;
  };

  // What a forked child does first: default dispositions, and SIGTERM is heard. SIGPIPE stays ignored.
  // SIGINT, SIGHUP and SIGUSR1 stay blocked, for good: a Ctrl-C goes to the whole process group, `pkill -HUP
  // tcpserver` to every process of that name, and neither may cut a session that the parent means to keep.
  static void reset_for_child() noexcept;
};

}  // namespace tcpserver::server
