#pragma once

#include "tcpserver/posix/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tcpserver::posix {

// The memory limit of this process's own cgroup (cgroups(7)). The kernel kills a process of the cgroup when
// the limit is reached, even if the machine has free memory. Limits of the cgroups above are not looked at:
// their memory is shared with other services.
class MemoryLimit {
 public:
  // nullopt if there is none, or if /proc or /sys is not available.
  [[nodiscard]] static std::optional<MemoryLimit> find();

  // As above, for the text of /proc/PID/cgroup and a cgroup tree mounted at `mount`.
  [[nodiscard]] static std::optional<MemoryLimit> find(std::string_view cgroups, const std::string& mount);

  // In bytes.
  [[nodiscard]] std::uint64_t limit() const noexcept { return limit_; }

  // Memory in use, in bytes, with cached files. nullopt if it cannot be read.
  [[nodiscard]] std::optional<std::uint64_t> usage() const noexcept;

  // The part of usage() that is cached files, which the kernel frees when it needs memory. 0 if it cannot be
  // read. Takes the kernel longer than usage().
  [[nodiscard]] std::uint64_t cached_files() const noexcept;

 private:
  MemoryLimit(std::uint64_t limit, UniqueFd usage, UniqueFd stat) noexcept
      : limit_(limit), usage_(std::move(usage)), stat_(std::move(stat)) {}

  std::uint64_t limit_;
  UniqueFd usage_;
  UniqueFd stat_;
};

}  // namespace tcpserver::posix
