#pragma once

#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/memory_limit.hpp"
#include "tcpserver/posix/unique_fd.hpp"
#include "tcpserver/server/log.hpp"

#include <sys/types.h>

#include <optional>
#include <string>

namespace tcpserver::server {

// Has the kernel end sessions, and not the server, when the memory of their cgroup runs out. It does nothing
// where no memory limit applies: a whole machine has larger processes than a server.
//
// The kernel ends the process with the highest score: the memory that it uses, plus its oom_score_adj
// (proc_pid_oom_score_adj(5)). A child uses much less than the server, so the server raises each child's
// oom_score_adj after the fork, to 500 above its own and to 1000 at most. It must not raise its own for the
// fork, to be inherited: most of the memory of a new connection is taken during the fork, so that is when
// memory runs out, and the server would be the largest of equals.
//
// The memory of an ended process takes a moment to be free. After a session was killed, the server therefore
// accepts slowly while memory is nearly used up; else each new session would cost another one, until the
// server is the only process left.
class MemoryGuard {
 public:
  // Finds out whether a memory limit applies. Before the server gives up its rights.
  explicit MemoryGuard(Log& log);

  // The folder in which files must stay writable, /proc; -1: none. After the server has switched its user.
  // `confined`: it is about to lose the right to write files. A user who may change kernel settings, as root,
  // gets no exception then, and the log says so.
  [[nodiscard]] int writable_dir(bool confined) noexcept;

  // Around the fork of a child. `child`: its pid, or -1 if the fork failed.
  void before_fork() noexcept;
  void after_fork(pid_t child) noexcept;

  // A child was killed by SIGKILL, and not by the server.
  void note_killed_child() noexcept;

  // Whether the next client should not be accepted at once.
  [[nodiscard]] bool is_short() const noexcept;

 private:
  void raise(pid_t child) noexcept;
  void give_up(const char* why, const char* what_to_do) noexcept;

  Log& log_;
  std::optional<posix::MemoryLimit> limit_;
  posix::UniqueFd usage_;  // the file of the limit
  posix::UniqueFd proc_;   // none: nothing is to be done
  std::string score_;      // for the children, as text
  bool is_dumpable_ = true;
  int failures_in_a_row_ = 0;
  posix::TimePoint alert_until_{};
};

}  // namespace tcpserver::server
