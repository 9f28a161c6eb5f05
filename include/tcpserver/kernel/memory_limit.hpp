#pragma once

#include "tcpserver/base/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tcpserver::kernel {

// The memory limit of this process's own cgroup (cgroups(7)). The kernel kills a process of the cgroup when
// the limit is reached, even if the machine has free memory. The limit may change at any time, so it is read
// each time.
class MemoryLimit {
 public:
  // nullopt if there is no limit, or if /proc or /sys is not available.
  [[nodiscard]] static std::optional<MemoryLimit> find();

  // The same, for the given text of /proc/PID/cgroup and a cgroup tree mounted at `mount`.
  [[nodiscard]] static std::optional<MemoryLimit> find(std::string_view cgroups, const std::string& mount);

  // Bytes. Memory of cached files counts as free, because the kernel frees it when it needs memory.
  struct Room {
    std::uint64_t limit = 0;
    std::uint64_t free = 0;
  };
  // Returns the room in the process's own cgroup. nullopt if it no longer has a limit, or on a read error.
  [[nodiscard]] std::optional<Room> own() const noexcept;

  // True if this much memory is free in the cgroup and its visible ancestors that had a limit at first.
  [[nodiscard]] bool has_free(std::uint64_t bytes) const noexcept;

 private:
  struct Level {
    base::UniqueFd limit;
    base::UniqueFd usage;
    base::UniqueFd stat;
  };
  // Reads the size of cached files only if less than `enough` is free without them.
  [[nodiscard]] static std::optional<Room> read_room(const Level& level, std::uint64_t enough) noexcept;

  std::vector<Level> levels_;  // the first is the process's own
};

}  // namespace tcpserver::kernel
