#include "tcpserver/posix/memory_limit.hpp"

#include "tcpserver/posix/io.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace tcpserver::posix {

namespace {

constexpr std::size_t largest_file = 1UL << 16;

// cgroup v1 writes "no limit" as the largest number of whole pages. Half the range is above any real limit.
constexpr auto no_limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 2;

// The files of a version of cgroups.
struct Files {
  const char* limit;
  const char* usage;
};
constexpr Files version_1{"/memory.limit_in_bytes", "/memory.usage_in_bytes"};
constexpr Files version_2{"/memory.max", "/memory.current"};

// The file has a number of bytes, or "max" (cgroup v2).
std::uint64_t read_limit(const std::string& path) {
  const auto text = read_file(path.c_str(), largest_file);
  if (!text) return no_limit;
  std::uint64_t bytes = 0;
  const auto* const end = text->data() + text->size();
  const auto result = std::from_chars(text->data(), end, bytes);
  const bool is_number = result.ec == std::errc{} && std::string_view(result.ptr, end) == "\n";
  return is_number ? bytes : no_limit;
}

// `group` is a path such as "/system.slice/tcpserver.service".
MemoryLimit lowest_limit(const std::string& mount, std::string group, const Files& files) {
  MemoryLimit lowest{.bytes = no_limit, .usage_file = {}};
  while (!group.empty() && group.back() == '/') group.pop_back();
  for (;;) {
    const auto level = mount + group;
    const auto bytes = read_limit(level + files.limit);
    if (bytes < lowest.bytes) lowest = {.bytes = bytes, .usage_file = level + files.usage};
    const auto slash = group.rfind('/');
    if (slash == std::string::npos) return lowest;
    group.resize(slash);
  }
}

bool names_memory(std::string_view controllers) {
  while (!controllers.empty()) {
    const auto comma = controllers.find(',');
    if (controllers.substr(0, comma) == "memory") return true;
    controllers.remove_prefix(comma == std::string_view::npos ? controllers.size() : comma + 1);
  }
  return false;
}

}  // namespace

std::optional<MemoryLimit> find_memory_limit() {
  const auto cgroups = read_file("/proc/self/cgroup", largest_file);
  return cgroups ? find_memory_limit(*cgroups, "/sys/fs/cgroup") : std::nullopt;
}

// Lines such as "4:memory:/group" of cgroup v1 and "0::/group" of v2 (cgroups(7)).
std::optional<MemoryLimit> find_memory_limit(std::string_view cgroups, const std::string& mount) {
  while (!cgroups.empty()) {
    const auto line = cgroups.substr(0, cgroups.find('\n'));
    cgroups.remove_prefix(std::min(line.size() + 1, cgroups.size()));
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const std::string group(line.substr(second + 1));
    MemoryLimit limit{.bytes = no_limit, .usage_file = {}};
    if (controllers.empty()) limit = lowest_limit(mount, group, version_2);
    if (names_memory(controllers)) limit = lowest_limit(mount + "/memory", group, version_1);
    if (limit.bytes < no_limit) return limit;
  }
  return std::nullopt;
}

}  // namespace tcpserver::posix
