#include "tcpserver/kernel/memory_limit.hpp"

#include "tcpserver/base/io.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <span>

namespace tcpserver::kernel {

namespace {

constexpr std::size_t largest_file = 1UL << 16;

// cgroup v1 writes "no limit" as the largest number of whole pages. Half the range is above any real limit.
constexpr auto no_limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 2;

// The files of a version of cgroups. In memory.stat of version 1, the fields that begin with "total_" come
// after the others.
struct Files {
  const char* limit;
  const char* usage;
};
constexpr Files version_1{"/memory.limit_in_bytes", "/memory.usage_in_bytes"};
constexpr Files version_2{"/memory.max", "/memory.current"};

// The whole text is a number and a newline; nullopt for anything else, such as "max" (cgroup v2).
std::optional<std::uint64_t> parse_bytes(std::string_view text) noexcept {
  std::uint64_t bytes = 0;
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, bytes);
  const bool is_number = result.ec == std::errc{} && std::string_view(result.ptr, end) == "\n";
  return is_number ? std::optional(bytes) : std::nullopt;
}

// Cached files are looked at when less than this part of the limit is free without them.
constexpr std::uint64_t cached_files_part = 8;

std::string_view read_again(const base::UniqueFd& file, std::span<char> buffer) noexcept {
  const auto size = ::pread(file.get(), buffer.data(), buffer.size(), 0);
  return {buffer.data(), size < 0 ? 0U : static_cast<std::size_t>(size)};
}

// The number of a line "NAME NUMBER"; 0 if there is no such line.
std::uint64_t find_field(std::string_view text, std::string_view name) noexcept {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ' ') continue;
    std::uint64_t number = 0;
    std::from_chars(line.data() + name.size() + 1, line.data() + line.size(), number);
    return number;
  }
  return 0;
}

bool names_memory(std::string_view controllers) {
  while (!controllers.empty()) {
    const auto comma = controllers.find(',');
    if (controllers.substr(0, comma) == "memory") return true;
    controllers.remove_prefix(comma == std::string_view::npos ? controllers.size() : comma + 1);
  }
  return false;
}

base::UniqueFd open_to_read(const std::string& path) {
  return base::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

std::uint64_t cached_files(const base::UniqueFd& stat) noexcept {
  char buffer[8192];
  const auto text = read_again(stat, buffer);
  return find_field(text, "inactive_file") + find_field(text, "active_file");
}

// nullopt for "no limit".
std::optional<std::uint64_t> read_limit(const base::UniqueFd& file) noexcept {
  char buffer[32];
  const auto limit = parse_bytes(read_again(file, buffer));
  return limit && *limit < no_limit ? limit : std::nullopt;
}

}  // namespace

std::optional<MemoryLimit> MemoryLimit::find() {
  const auto cgroups = base::read_file("/proc/self/cgroup", largest_file);
  return cgroups ? find(*cgroups, "/sys/fs/cgroup") : std::nullopt;
}

// Lines such as "4:memory:/group" of cgroup v1 and "0::/group" of v2 (cgroups(7)).
std::optional<MemoryLimit> MemoryLimit::find(std::string_view cgroups, const std::string& mount) {
  while (!cgroups.empty()) {
    const auto line = cgroups.substr(0, cgroups.find('\n'));
    cgroups.remove_prefix(std::min(line.size() + 1, cgroups.size()));
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const bool is_version_1 = names_memory(controllers);
    if (!is_version_1 && !controllers.empty()) continue;
    const auto& files = is_version_1 ? version_1 : version_2;
    const std::string tree = is_version_1 ? mount + "/memory" : mount;
    MemoryLimit found;
    bool is_own = true;
    // From the own cgroup up. A container may see its own cgroup as the root of the tree, and its path on the
    // host.
    for (std::string group(line.substr(second + 1));; group.resize(group.rfind('/'))) {
      while (group.ends_with('/')) group.pop_back();
      const auto level = tree + group;
      auto limit = open_to_read(level + files.limit);
      if (limit) {
        if (read_limit(limit)) {
          found.levels_.push_back(
              {std::move(limit), open_to_read(level + files.usage), open_to_read(level + "/memory.stat")});
        } else if (is_own) {
          break;
        }
        is_own = false;
      }
      if (group.find('/') == std::string::npos) break;
    }
    if (!found.levels_.empty()) return found;
  }
  return std::nullopt;
}

// The cached files are looked at only if less than `enough` is free without them: that takes the kernel
// longer.
std::optional<MemoryLimit::Room> MemoryLimit::room_of(const Level& level, std::uint64_t enough) noexcept {
  char buffer[32];
  const auto limit = read_limit(level.limit);
  const auto usage = parse_bytes(read_again(level.usage, buffer));
  if (!limit || !usage) return std::nullopt;
  Room room{.limit = *limit, .free = *limit - std::min(*limit, *usage)};
  if (room.free < enough) {
    const auto used = *usage - std::min(*usage, cached_files(level.stat));
    room.free = *limit - std::min(*limit, used);
  }
  return room;
}

std::optional<MemoryLimit::Room> MemoryLimit::own() const noexcept {
  const auto limit = read_limit(levels_.front().limit);
  return limit ? room_of(levels_.front(), *limit / cached_files_part) : std::nullopt;
}

bool MemoryLimit::has_free(std::uint64_t bytes) const noexcept {
  return std::all_of(levels_.begin(), levels_.end(), [bytes](const Level& level) {
    const auto room = room_of(level, bytes);
    return !room || room->free >= bytes;
  });
}

}  // namespace tcpserver::kernel
