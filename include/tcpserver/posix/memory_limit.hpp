#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tcpserver::posix {

// The memory limit of a cgroup (cgroups(7)). When it is reached, the kernel ends a process of the cgroup,
// however much memory the machine has.
struct MemoryLimit {
  std::uint64_t bytes = 0;
  std::string usage_file;  // path of the file that says how much is in use, in bytes
};

// The lowest limit that applies to this process. nullopt if there is none, or if it cannot be found out: no
// /proc, no /sys.
[[nodiscard]] std::optional<MemoryLimit> find_memory_limit();

// The same for a process whose /proc/PID/cgroup has this text, with the cgroups mounted below `mount`. Limits
// of the levels above count, as far as they are visible.
[[nodiscard]] std::optional<MemoryLimit> find_memory_limit(std::string_view cgroups,
                                                           const std::string& mount);

}  // namespace tcpserver::posix
