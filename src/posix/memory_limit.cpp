#include "tcpserver/posix/memory_limit.hpp"

#include "tcpserver/posix/io.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>

namespace tcpserver::posix {

namespace {

constexpr std::size_t largest_file = 1UL << 16;

// cgroup v1 says "no limit" by the largest number of whole pages; any number near it is none.
constexpr auto no_limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 2;

// The file has a number of bytes, or "max" (cgroup v2).
bool is_limit(const std::string& path) {
  const auto text = read_file(path.c_str(), largest_file);
  if (!text) return false;
  std::uint64_t bytes = 0;
  const auto result = std::from_chars(text->data(), text->data() + text->size(), bytes);
  return result.ec == std::errc{} && bytes < no_limit;
}

// `group` is a path such as "/system.slice/tcpserver.service".
bool any_level_has(const std::string& mount, std::string group, const char* file) {
  while (!group.empty() && group.back() == '/') group.pop_back();
  for (;;) {
    if (is_limit(mount + group + "/" + file)) return true;
    const auto slash = group.rfind('/');
    if (slash == std::string::npos) return false;
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

bool has_memory_limit() {
  const auto cgroups = read_file("/proc/self/cgroup", largest_file);
  return cgroups && has_memory_limit(*cgroups, "/sys/fs/cgroup");
}

// Lines such as "4:memory:/group" of cgroup v1 and "0::/group" of v2 (cgroups(7)).
bool has_memory_limit(std::string_view cgroups, const std::string& mount) {
  while (!cgroups.empty()) {
    const auto line = cgroups.substr(0, cgroups.find('\n'));
    cgroups.remove_prefix(std::min(line.size() + 1, cgroups.size()));
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const std::string group(line.substr(second + 1));
    if (controllers.empty() && any_level_has(mount, group, "memory.max")) return true;
    if (names_memory(controllers) && any_level_has(mount + "/memory", group, "memory.limit_in_bytes"))
      return true;
  }
  return false;
}

}  // namespace tcpserver::posix
