#pragma once

#include "tcpserver/posix/unique_fd.hpp"
#include "tcpserver/server/log.hpp"

#include <sys/types.h>

#include <string>

namespace tcpserver::server {

// Has the kernel end sessions first, and not the server, when the memory of their cgroup runs out. The kernel
// ends the process with the highest score: the memory that it uses, plus its oom_score_adj
// (proc_pid_oom_score_adj(5)). A child uses much less than the server, so each child's oom_score_adj is
// raised, to 500 above the server's and to 1000 at most.
//
// The server raises a child after the fork. It must not raise itself for the fork, to be inherited: most of
// the memory of a new connection is taken during the fork, so that is when memory runs out, and the server
// would be the largest of equals.
//
// It is used where a memory limit applies. On the machine as a whole there are larger processes than a
// server.
class OomScore {
 public:
  // Finds out whether a memory limit applies. Before the server gives up its rights.
  explicit OomScore(Log& log);

  // The folder in which files must stay writable, /proc; -1: none. After the server has switched its user.
  // `confined`: it is about to lose the right to write files. A user who may change kernel settings, as root,
  // gets no exception then, and the log says so.
  [[nodiscard]] int writable_dir(bool confined) noexcept;

  // Whether a memory limit applies and children are raised.
  [[nodiscard]] bool is_used() const noexcept { return static_cast<bool>(proc_); }

  // Around the fork of a child. `child`: its pid, or -1 if the fork failed.
  void before_fork() noexcept;
  void after_fork(pid_t child) noexcept;

 private:
  void raise(pid_t child) noexcept;
  void give_up(const char* why, const char* what_to_do) noexcept;

  Log& log_;
  posix::UniqueFd proc_;  // none: nothing is to be done
  std::string score_;     // for the children, as text
  bool is_dumpable_ = true;
  int failures_in_a_row_ = 0;
};

}  // namespace tcpserver::server
