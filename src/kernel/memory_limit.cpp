#include "tcpserver/kernel/memory_limit.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/values.hpp"

#include "kernel/cgroup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

namespace tcpserver::kernel {

namespace {

// cgroup v1 writes "no limit" as the largest number of whole pages. Half the range is above any real limit.
constexpr auto no_limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 2;

// Reads the size of cached files only if less than an eighth of the limit is free.
constexpr std::uint64_t cached_files_part = 8;

base::UniqueFd open_to_read(const std::string& path) {
  return base::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

std::string_view read_again(const base::UniqueFd& file, std::span<char> buffer) noexcept {
  const auto size = ::pread(file.get(), buffer.data(), buffer.size(), 0);
  return {buffer.data(), size < 0 ? 0U : static_cast<std::size_t>(size)};
}

// Reads a number and a newline. nullopt for anything else, such as "max" (cgroup v2).
std::optional<std::uint64_t> read_bytes(const base::UniqueFd& file) noexcept {
  char buffer[32];
  const auto text = read_again(file, buffer);
  if (!text.ends_with('\n')) return std::nullopt;
  return base::parse_number<std::uint64_t>(text.substr(0, text.size() - 1));
}

// nullopt for "no limit".
std::optional<std::uint64_t> read_limit(const base::UniqueFd& file) noexcept {
  const auto limit = read_bytes(file);
  return limit && *limit < no_limit ? limit : std::nullopt;
}

// Adds up the cached files in lines "NAME NUMBER". In cgroup v1, names that begin with "total_" come later.
std::uint64_t read_cached_files(const base::UniqueFd& stat) noexcept {
  char buffer[8192];
  auto text = read_again(stat, buffer);
  std::uint64_t bytes = 0;
  while (!text.empty()) {
    auto line = base::take_until(text, '\n');
    const auto name = base::take_until(line, ' ');
    if (name != "inactive_file" && name != "active_file") continue;
    bytes += base::parse_number<std::uint64_t>(line).value_or(0);
  }
  return bytes;
}

}  // namespace

std::optional<MemoryLimit> MemoryLimit::find() {
  constexpr std::size_t largest = 1UL << 16;
  const auto cgroups = base::read_file("/proc/self/cgroup", largest);
  return cgroups ? find(*cgroups, "/sys/fs/cgroup") : std::nullopt;
}

std::optional<MemoryLimit> MemoryLimit::find(std::string_view cgroups, const std::string& mount) {
  MemoryLimit found;
  bool is_own = true;
  const auto visit = [&](const CgroupLevel& level) {
    const std::string directory = level.directory;
    auto limit = open_to_read(directory + (level.is_version_1 ? "/memory.limit_in_bytes" : "/memory.max"));
    if (!limit) return true;
    const bool has_limit = read_limit(limit).has_value();
    if (has_limit) {
      const char* const usage_file = level.is_version_1 ? "/memory.usage_in_bytes" : "/memory.current";
      found.levels_.push_back(
          {std::move(limit), open_to_read(directory + usage_file), open_to_read(directory + "/memory.stat")});
    }
    const bool was_own = std::exchange(is_own, false);
    return has_limit || !was_own;
  };
  const auto finished = [&] {
    is_own = true;
    return !found.levels_.empty();
  };
  for_each_cgroup(cgroups, "memory", mount.c_str(), visit, finished);
  return found.levels_.empty() ? std::nullopt : std::optional(std::move(found));
}

std::optional<MemoryLimit::Room> MemoryLimit::read_room(const Level& level, std::uint64_t enough) noexcept {
  const auto limit = read_limit(level.limit);
  auto usage = read_bytes(level.usage);
  if (!limit || !usage) return std::nullopt;
  // The kernel takes longer to report cached files, so they are read only if needed.
  if (*limit - std::min(*limit, *usage) < enough) *usage -= std::min(*usage, read_cached_files(level.stat));
  return Room{.limit = *limit, .free = *limit - std::min(*limit, *usage)};
}

std::optional<MemoryLimit::Room> MemoryLimit::own() const noexcept {
  const auto limit = read_limit(levels_.front().limit);
  return limit ? read_room(levels_.front(), *limit / cached_files_part) : std::nullopt;
}

bool MemoryLimit::has_free(std::uint64_t bytes) const noexcept {
  return std::all_of(levels_.begin(), levels_.end(), [bytes](const Level& level) {
    const auto room = read_room(level, bytes);
    return !room || room->free >= bytes;
  });
}

}  // namespace tcpserver::kernel
