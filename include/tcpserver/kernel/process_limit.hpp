#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/system_error.hpp"

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

namespace tcpserver::kernel {

// The cause of a failed fork.
struct ForkFailure {
  const char* limit = nullptr;  // the limit that was probably reached, such as "pids.max"; null if unknown
  std::uint64_t value = 0;      // the value of that limit
  // "Resource temporarily unavailable: reached pids.max 20 of cgroup /a (TasksMax= in a systemd unit)". If no
  // limit was reached, it names all. It says "probably RLIMIT_NPROC 200", because the threads of a user are
  // unknown.
  base::BoundedText<512> text{};
};

// Explains the errno of fork(2). For EAGAIN, examines pids.max of this process's cgroup and its ancestors,
// kernel.threads-max, kernel.pid_max and RLIMIT_NPROC. Allocates nothing.
[[nodiscard]] ForkFailure explain_fork_failure(int error) noexcept;

// The same, for the given text of /proc/PID/cgroup and a cgroup tree mounted at `mount`.
[[nodiscard]] ForkFailure explain_fork_failure(int error, std::string_view cgroups,
                                               const char* mount) noexcept;

// Returns an error with the message "cannot fork WHAT: TEXT" and the status system.
[[nodiscard]] base::StartError fork_error(const std::string& what, int error = errno);

}  // namespace tcpserver::kernel
