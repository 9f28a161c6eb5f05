#pragma once

#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/memory_limit.hpp"
#include "tcpserver/posix/unique_fd.hpp"
#include "tcpserver/server/log.hpp"

#include <sys/types.h>

#include <optional>
#include <string>

namespace tcpserver::server {

// Makes the OOM killer choose children before the server when a memory cgroup is full. It kills the process
// with the highest score: memory used plus oom_score_adj (proc_pid_oom_score_adj(5)). A child uses less than
// the server, so the server raises each child to 500 above its own score, at most 1000.
//
// The server raises the child after the fork. If the child inherited a raised score, the server would have it
// during the fork. Memory runs out there, and the server would be the largest candidate.
//
// The memory of a killed child is not free at once. So the server accepts slowly after a kill while memory is
// short. Otherwise each new session would cost another one, until only the server is left to kill.
//
// Used only under a memory limit. On the whole machine, larger processes are killed first.
class MemoryGuard {
 public:
  // Checks whether a memory limit applies. Call before drop_privileges().
  explicit MemoryGuard(Log& log);

  // Returns a descriptor of /proc, which must stay writable, or -1. Call after switch_user(). If `confined`
  // and the user may change kernel settings, returns -1 and logs a warning.
  [[nodiscard]] int writable_dir(bool confined) noexcept;

  // Around the fork of a child. `child`: its pid, or -1 if the fork failed.
  void before_fork() noexcept;
  void after_fork(pid_t child) noexcept;

  // To be called for a child that was killed by SIGKILL, but not by the server: probably by the OOM killer.
  void note_killed_child() noexcept;

  // True if the accept loop should back off.
  [[nodiscard]] bool is_short() const noexcept;

 private:
  void raise(pid_t child) noexcept;
  void give_up(const char* why, const char* hint) noexcept;

  Log& log_;
  std::optional<posix::MemoryLimit> limit_;
  posix::UniqueFd usage_;  // the file of the limit
  posix::UniqueFd proc_;   // invalid: feature off
  std::string score_;      // for the children, as text
  bool is_dumpable_ = true;
  int failures_in_a_row_ = 0;
  posix::TimePoint alert_until_{};
};

}  // namespace tcpserver::server
