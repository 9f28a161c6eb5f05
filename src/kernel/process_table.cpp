#include "tcpserver/kernel/process_table.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

namespace tcpserver::kernel {

using base::parse_number;

namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

std::string proc_path(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + name;
}

// Calls visit(pid) for each process. Returns false if /proc cannot be read.
template <typename Visit>
bool for_each_pid(Visit visit) {
  const Directory directory(::opendir("/proc"));
  if (!directory) return false;
  while (const dirent* const entry = ::readdir(directory.get())) {
    if (const auto pid = parse_number<pid_t>(entry->d_name)) visit(*pid);
  }
  return true;
}

bool is_no_permission(int error) {
  return error == EACCES || error == EPERM;
}

// If the result is not `whole`, errno has the reason.
HeldSockets read_sockets(pid_t pid) {
  using Sight = HeldSockets::Sight;
  HeldSockets held;
  const Directory directory(::opendir(proc_path(pid, "/fd").c_str()));
  if (!directory) {
    held.sight = is_no_permission(errno) ? Sight::hidden : Sight::ended;
    return held;
  }
  held.sight = Sight::whole;
  while (const dirent* const entry = ::readdir(directory.get())) {
    if (entry->d_name[0] == '.') continue;
    std::array<char, 64> target;  // longer targets are file names
    const auto size = ::readlinkat(::dirfd(directory.get()), entry->d_name, target.data(), target.size());
    // Root without CAP_SYS_PTRACE may list descriptors but not read the links.
    if (size < 0 && is_no_permission(errno)) held.sight = Sight::hidden;
    if (size < 0) continue;
    const auto inode = parse_socket_link({target.data(), static_cast<std::size_t>(size)});
    if (inode) held.inodes.push_back(*inode);
  }
  return held;
}

}  // namespace

std::string_view process_stat_field(std::string_view text, int number) noexcept {
  const auto name_end = text.rfind(") ");
  text.remove_prefix(name_end == std::string_view::npos ? text.size() : name_end + 2);
  for (int skipped = 3; skipped < number; ++skipped) base::take_field(text);
  return base::take_field(text);
}

std::optional<ProcessFacts> parse_process_stat(std::string_view line) {
  // "PID (NAME) STATE PPID ...": the name may contain any byte, but the last parenthesis ends it.
  const auto name_begin = line.find(" (");
  const auto name_end = line.rfind(") ");
  if (name_end == std::string_view::npos || name_begin >= name_end) return std::nullopt;
  const auto pid = parse_number<pid_t>(line.substr(0, name_begin));
  const auto state = process_stat_field(line, 3);
  const auto parent = parse_number<pid_t>(process_stat_field(line, 4));
  const auto started = parse_number<std::uint64_t>(process_stat_field(line, 22));
  if (!pid || *pid <= 0 || state.size() != 1 || !parent || *parent < 0 || !started) return std::nullopt;
  std::string name(line.substr(name_begin + 2, name_end - name_begin - 2));
  // A process chooses its own name, and control bytes must not reach a terminal.
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return ProcessFacts{*pid, std::move(name), state[0], *parent, *started};
}

std::optional<std::uint64_t> parse_socket_link(std::string_view target) {
  constexpr std::string_view before = "socket:[";
  if (!target.starts_with(before) || !target.ends_with(']')) return std::nullopt;
  return parse_number<std::uint64_t>(target.substr(before.size(), target.size() - before.size() - 1));
}

std::optional<ProcessFacts> process_facts(pid_t pid) {
  constexpr std::size_t longest = 4096;  // enough for 52 numbers and a short name
  const auto line = base::read_file(proc_path(pid, "/stat").c_str(), longest);
  if (!line && base::is_shortage(errno)) throw base::system_error("read /proc");
  return line ? parse_process_stat(*line) : std::nullopt;
}

bool is_suspended(const ProcessFacts& process) {
  if (process.state == 'T' || process.state == 't') return true;
  // The usual places of cgroups(7), version 2 alone, version 2 beside 1, and version 1.
  constexpr struct {
    const char* hierarchy;
    const char* directory;
    const char* file;
    const char* frozen;
  } freezers[] = {{"0::", "/sys/fs/cgroup", "/cgroup.events", "frozen 1"},
                  {"0::", "/sys/fs/cgroup/unified", "/cgroup.events", "frozen 1"},
                  {":freezer:", "/sys/fs/cgroup/freezer", "/freezer.state", "FROZEN"}};
  constexpr std::size_t longest = 64UL * 1024;
  const auto cgroups = base::read_file(proc_path(process.pid, "/cgroup").c_str(), longest);
  if (!cgroups) return false;
  return std::any_of(std::begin(freezers), std::end(freezers), [&](const auto& freezer) {
    std::string_view rest = *cgroups;
    while (!rest.empty()) {
      const auto line = base::take_until(rest, '\n');
      const auto found = line.find(freezer.hierarchy);
      if (found == std::string_view::npos) continue;
      const auto cgroup = line.substr(found + std::string_view(freezer.hierarchy).size());
      const auto path = freezer.directory + std::string(cgroup) + freezer.file;
      const auto events = base::read_file(path.c_str(), longest);
      return events && events->find(freezer.frozen) != std::string::npos;
    }
    return false;
  });
}

std::optional<std::vector<ProcessFacts>> all_processes() {
  std::vector<ProcessFacts> processes;
  const bool listed = for_each_pid([&](pid_t pid) {
    if (auto facts = process_facts(pid)) processes.push_back(std::move(*facts));
  });
  if (!listed && base::is_shortage(errno)) throw base::system_error("read /proc");
  if (processes.empty()) return std::nullopt;  // not even this process: /proc is another file system
  return processes;
}

base::Duration time_since_boot() noexcept {
  timespec now{};
  if (::clock_gettime(CLOCK_BOOTTIME, &now) != 0) return base::Duration::zero();
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

base::Duration process_age(const ProcessFacts& process, base::Duration since_boot) noexcept {
  const auto tick = base::Duration(std::chrono::seconds(1)) / std::max(1L, ::sysconf(_SC_CLK_TCK));
  return std::max(since_boot - static_cast<std::int64_t>(process.started) * tick, base::Duration::zero());
}

HeldSockets sockets_held_by(pid_t pid) {
  auto held = read_sockets(pid);
  if (held.sight == HeldSockets::Sight::ended && base::is_shortage(errno)) {
    throw base::system_error("read /proc");
  }
  return held;
}

std::optional<SocketOwner> find_socket_owner(std::uint64_t inode) {
  std::optional<SocketOwner> owner;
  static_cast<void>(for_each_pid([&](pid_t pid) {
    if (owner && owner->pid < pid) return;
    const auto inodes = read_sockets(pid).inodes;
    if (std::find(inodes.begin(), inodes.end(), inode) == inodes.end()) return;
    const auto facts = process_facts(pid);
    owner = {.pid = pid, .name = facts ? facts->name : std::string()};
  }));
  return owner;
}

}  // namespace tcpserver::kernel
