#pragma once

#include "tcpserver/server/session/session_loop.hpp"

#include "server/child/launcher.hpp"
#include "server/child/scoreboard.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

namespace tcpserver::server {

// Runs a child from fork to exit. It closes all other descriptors, arranges to die with its parent,
// limits the size of its recording, enters the sandbox, serves, and announces its end. `Calls` makes the
// system calls: through libc in a plain child, directly in a small one. In addition to the functions that
// SessionLoop needs, it has
//   static long call(long number, long...)   makes a system call; returns its result or a negative errno
//   bool enter(Sandbox)                      returns false if the kernel refuses
//   static Value in_register(Value)          returns the value without a load from memory that a small child
//                                            does not have
// The signals that the parent handles stay blocked.
template <typename Calls>
class ChildLife {
 public:
  ChildLife(const ChildOrder& order, SessionRecord& record) noexcept : order_(order), record_(record) {}

  // The caller exits with the result.
  SessionEnd run(char* buffer, std::size_t size) noexcept {
    const auto end = serve(buffer, size);
    ScoreboardPage::announce_end(record_);
    return end;
  }

 private:
  SessionEnd serve(char* buffer, std::size_t size) noexcept {
    close_other_descriptors();
    if (!die_with_parent()) return SessionEnd::drained;
    limit_file_size();
    if (!calls_.enter(order_.sandbox)) return SessionEnd::sandbox_refused;
    return SessionLoop<Calls>(calls_, order_.connection, order_.verb, record_, order_.recording)
        .run(buffer, size);
  }

  // Usually takes one call, because no descriptor above the connection and its recording is open. The filters
  // of some containers refuse close_range.
  void close_other_descriptors() noexcept {
    const int connection = order_.connection;
    const int file = order_.recording.descriptor;
    const int upper = file > connection ? file : connection;
    const int lower = file >= 0 && file < connection ? file : connection;
    bool closed = lower == 0 || Calls::call(SYS_close_range, 0, lower - 1) == 0;
    if (upper - lower > 1) closed = Calls::call(SYS_close_range, lower + 1, upper - 1) == 0 && closed;
    if (order_.highest_descriptor > upper)
      closed = Calls::call(SYS_close_range, upper + 1, ~0U) == 0 && closed;
    const int last = order_.highest_descriptor > upper ? order_.highest_descriptor : upper;
    for (int other = 0; !closed && other <= last; ++other) {
      if (other != lower && other != upper) static_cast<void>(Calls::call(SYS_close, other));
    }
  }

  // Returns false if the parent has already ended.
  bool die_with_parent() noexcept {
    static_cast<void>(Calls::call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL));
    const long parent = Calls::call(SYS_getppid);
    return parent == order_.parent ||
           parent == 0;  // 0 if the parent is in another pid namespace (getppid(2))
  }

  // A child respects --record-limit by itself, but a compromised child may not.
  void limit_file_size() noexcept {
    if (order_.recording.descriptor < 0 || order_.recording.room == no_file_limit) return;
    const std::uint64_t soft_and_hard[] = {Calls::in_register(order_.recording.room),
                                           Calls::in_register(order_.recording.room)};
    static_cast<void>(Calls::call(SYS_prlimit64, 0, RLIMIT_FSIZE, reinterpret_cast<long>(&soft_and_hard), 0));
  }

  Calls calls_{};
  ChildOrder order_;
  SessionRecord& record_;
};

}  // namespace tcpserver::server
