#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/values.hpp"

#include <climits>
#include <string_view>

namespace tcpserver::kernel {

// A directory of a cgroup tree.
struct CgroupLevel {
  const char* directory = "";  // "/sys/fs/cgroup/system.slice"
  const char* name = "";       // "/system.slice"; "/" for the root of the tree
  bool is_version_1 = false;
};

// True if a list like "cpu,cpuacct" contains this name.
[[nodiscard]] inline bool has_controller(std::string_view list, std::string_view name) noexcept {
  while (!list.empty()) {
    if (base::take_until(list, ',') == name) return true;
  }
  return false;
}

// Finds a process's cgroups of this controller. `cgroups` is the text of /proc/PID/cgroup, with lines like
// "4:memory:/group" in cgroup v1 and "0::/group" in v2 (cgroups(7)); the trees are mounted at `mount`. For
// each line it calls visit(level) from the process's own cgroup up to the root, until visit returns false,
// and then finished(), until finished returns true. In a container the own cgroup may be the root of the
// tree, although `cgroups` has its path on the host; so the visited directories need not exist. Allocates
// nothing.
template <typename Visit, typename Finished>
void for_each_cgroup(std::string_view cgroups, const char* controller, const char* mount, Visit visit,
                     Finished finished) {
  while (!cgroups.empty()) {
    auto line = base::take_until(cgroups, '\n');
    base::take_until(line, ':');
    if (line.find(':') == std::string_view::npos) continue;
    const auto controllers = base::take_until(line, ':');
    const bool is_version_1 = has_controller(controllers, controller);
    if (!is_version_1 && !controllers.empty()) continue;
    for (auto group = line;; group = group.substr(0, group.rfind('/'))) {
      while (group.ends_with('/')) group.remove_suffix(1);
      base::BoundedText<PATH_MAX> directory;
      directory.append("%s%s%s", mount, is_version_1 ? "/" : "", is_version_1 ? controller : "");
      const auto tree_size = directory.size();
      directory.append("%.*s", static_cast<int>(group.size()), group.data());
      const char* const name = group.empty() ? "/" : directory.c_str() + tree_size;
      if (!visit(CgroupLevel{directory.c_str(), name, is_version_1})) break;
      if (group.find('/') == std::string_view::npos) break;
    }
    if (finished()) return;
  }
}

}  // namespace tcpserver::kernel
