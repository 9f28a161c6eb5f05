#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/kernel/memory_limit.hpp"
#include "tcpserver/server/report/log.hpp"

#include <optional>

namespace tcpserver::server {

// Makes the OOM killer choose children before the server when the memory of their cgroup is used up. It kills
// the process with the highest score: memory used plus oom_score_adj (proc_pid_oom_score_adj(5)). A child
// uses less than the server, so children inherit a score that is 500 above the server's, at most 1000: the
// server raises its own for the time of the fork.
//
// During the fork the server is thus the largest of equals, and most memory of a session is taken by its
// fork. So the server does not raise its score when memory for a fork is missing, and leaves new clients in
// the listen queue when memory is short. Otherwise a flood of clients would have the server killed.
//
// Does nothing if no memory limit applies. On the whole machine, larger processes are killed first.
class MemoryGuard {
 public:
  // Checks whether a memory limit applies. Call before drop_privileges().
  explicit MemoryGuard(Log& log);

  // Around the fork of a child.
  void before_fork() noexcept;
  void after_fork() noexcept;

  // True if new clients should stay in the listen queue. False now and then even if memory is short, because
  // all of it may be used by other processes of the cgroup.
  [[nodiscard]] bool is_short() noexcept;

 private:
  [[nodiscard]] bool look_if_short() noexcept;
  [[nodiscard]] bool raise_score() noexcept;
  void give_up(const char* what) noexcept;

  Log& log_;
  std::optional<kernel::MemoryLimit> limit_;
  base::UniqueFd own_score_;     // /proc/self/oom_score_adj; invalid: scores are not changed
  base::BoundedText<16> score_;  // the server's, while it is raised
  bool short_ = false;
  bool has_room_ = true;  // for a fork
  int forks_until_look_ = 0;
  bool raised_ = false;
  base::TimePoint last_fork_{};
};

}  // namespace tcpserver::server
