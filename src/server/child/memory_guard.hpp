#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/kernel/memory_limit.hpp"
#include "tcpserver/server/report/log.hpp"

#include <optional>

namespace tcpserver::server {

// Makes the OOM killer kill children before the server when their cgroup runs out of memory. It kills the
// process with the highest score: memory used plus oom_score_adj (proc_pid_oom_score_adj(5)). A child uses
// less memory than the server, so it needs a higher adjustment: the server raises its own by 500 (at most to
// 1000) during the fork, and the child inherits it.
//
// During the fork the server is the largest process with the raised adjustment, and a fork takes most of the
// memory of a session. So the server does not raise it if there is not enough memory for a fork, and leaves
// new clients in the listen queue while memory is short. Otherwise a flood of clients could kill the server.
//
// Does nothing if no memory limit applies: on the whole machine, larger processes are killed first.
class MemoryGuard {
 public:
  // Checks whether a memory limit applies. Call before drop_privileges().
  explicit MemoryGuard(Log& log);

  // Call immediately before and after the fork of a child.
  void before_fork() noexcept;
  void after_fork() noexcept;

  // Returns true if new clients should stay in the listen queue. Returns false from time to time even if
  // memory is short, because other processes of the cgroup may use it all.
  [[nodiscard]] bool is_short() noexcept;

 private:
  [[nodiscard]] bool check_if_short() noexcept;
  [[nodiscard]] bool raise_score() noexcept;
  void disable(const char* what) noexcept;

  Log& log_;
  std::optional<kernel::MemoryLimit> limit_;
  base::UniqueFd own_score_;     // /proc/self/oom_score_adj; invalid if scores are not changed
  base::BoundedText<16> score_;  // the server's own, while it is raised
  bool short_ = false;
  bool can_fork_ = true;  // there is enough memory for a fork
  int forks_until_check_ = 0;
  bool raised_ = false;
  base::TimePoint last_fork_{};
};

}  // namespace tcpserver::server
