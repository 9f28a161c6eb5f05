#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tcpserver::posix {

// The memory limit of a cgroup (cgroups(7)). The kernel kills a process of the cgroup when the limit is
// reached, even if the machine has free memory.
struct MemoryLimit {
  std::uint64_t bytes = 0;
  std::string usage_file;  // path of the file with the memory in use, in bytes
};

// Returns the lowest limit that applies to this process, or nullopt if there is none, or /proc or /sys is not
// available.
[[nodiscard]] std::optional<MemoryLimit> find_memory_limit();

// As above, for the text of /proc/PID/cgroup and a cgroup tree mounted at `mount`. Also checks the visible
// parent cgroups.
[[nodiscard]] std::optional<MemoryLimit> find_memory_limit(std::string_view cgroups,
                                                           const std::string& mount);

}  // namespace tcpserver::posix
