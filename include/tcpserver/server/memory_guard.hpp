#pragma once

#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/memory_limit.hpp"
#include "tcpserver/posix/unique_fd.hpp"
#include "tcpserver/server/log.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tcpserver::server {

// Makes the OOM killer choose children before the server when the memory of their cgroup is used up. It kills
// the process with the highest score: memory used plus oom_score_adj (proc_pid_oom_score_adj(5)). A child
// uses less than the server, so children inherit a score that is 500 above the server's, at most 1000: the
// server raises its own for the time of the fork.
//
// During the fork the server is thus the largest of equals, and most memory of a session is taken by its
// fork. So the server does not raise its score when memory is short, and then leaves new clients in the
// listen queue until sessions have ended. Otherwise a flood of clients would have the server killed.
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
  [[nodiscard]] std::uint64_t free_memory() noexcept;
  [[nodiscard]] bool write_score(const std::string& score) noexcept;

  Log& log_;
  std::optional<posix::MemoryLimit> limit_;
  posix::UniqueFd own_score_;  // /proc/self/oom_score_adj; invalid: scores are not changed
  std::string score_;          // the server's, as text
  std::string raised_score_;   // the children's
  std::uint64_t reserve_ = 0;  // bytes; less free memory is short
  bool short_ = false;
  bool raised_ = false;
  std::uint64_t cached_files_ = 0;
  posix::TimePoint next_look_at_cached_files_{};
  posix::TimePoint last_fork_{};
};

}  // namespace tcpserver::server
