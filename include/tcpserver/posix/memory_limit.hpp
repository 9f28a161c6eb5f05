#pragma once

#include <string>
#include <string_view>

namespace tcpserver::posix {

// Whether a cgroup limits the memory of this process (cgroups(7)). Where that limit is met, the kernel ends a
// process of the cgroup, however much memory the machine has. False where it cannot be found out: no /proc,
// no /sys.
[[nodiscard]] bool has_memory_limit();

// The same for a process whose /proc/PID/cgroup has this text, with the cgroups mounted below `mount`. Limits
// of the levels above count, as far as they are visible.
[[nodiscard]] bool has_memory_limit(std::string_view cgroups, const std::string& mount);

}  // namespace tcpserver::posix
