#include "tcpserver/kernel/process_table.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"

#include "kernel/proc_text.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>

namespace tcpserver::kernel {

namespace {

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

std::string folder_of(pid_t pid) {
  return "/proc/" + std::to_string(pid);
}

// Calls visit(pid) for each process. Returns false if /proc cannot be read.
template <typename Visit>
bool for_each_pid(Visit visit) {
  const Folder folder(::opendir("/proc"));
  if (!folder) return false;
  while (const dirent* const entry = ::readdir(folder.get())) {
    if (const auto pid = parse_number<pid_t>(entry->d_name)) visit(*pid);
  }
  return true;
}

bool no_right(int error) {
  return error == EACCES || error == EPERM;
}

bool short_of_something(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM;
}

// `error` is the errno of opendir(3), or 0.
HeldSockets read_sockets(pid_t pid, int& error) {
  using Sight = HeldSockets::Sight;
  HeldSockets held;
  const Folder folder(::opendir((folder_of(pid) + "/fd").c_str()));
  error = folder ? 0 : errno;
  if (!folder) {
    held.sight = no_right(error) ? Sight::hidden : Sight::gone;
    return held;
  }
  held.sight = Sight::whole;
  while (const dirent* const entry = ::readdir(folder.get())) {
    if (entry->d_name[0] == '.') continue;
    std::array<char, 64> target;  // longer ones are files' names
    const auto size = ::readlinkat(::dirfd(folder.get()), entry->d_name, target.data(), target.size());
    // Root without CAP_SYS_PTRACE may list descriptors, and not see what they are.
    if (size < 0 && no_right(errno)) held.sight = Sight::hidden;
    if (size < 0) continue;
    const auto inode = parse_socket_link({target.data(), static_cast<std::size_t>(size)});
    if (inode) held.inodes.push_back(*inode);
  }
  return held;
}

}  // namespace

std::optional<ProcessFacts> parse_process_stat(std::string_view line) {
  // "PID (NAME) STATE PPID ...": the name may hold anything, but the last parenthesis is its end.
  const auto name_begin = line.find(" (");
  const auto name_end = line.rfind(") ");
  if (name_begin == std::string_view::npos || name_end == std::string_view::npos ||
      name_end < name_begin + 2) {
    return std::nullopt;
  }
  const auto pid = parse_number<pid_t>(line.substr(0, name_begin));
  const auto name = line.substr(name_begin + 2, name_end - name_begin - 2);
  line.remove_prefix(name_end + 2);
  const auto state = next_field(line);
  const auto parent = parse_number<pid_t>(next_field(line));
  constexpr int between_parent_and_start = 17;  // pgrp to itrealvalue (proc_pid_stat(5), fields 5 to 21)
  for (int skipped = 0; skipped < between_parent_and_start; ++skipped) next_field(line);
  const auto started = parse_number<std::uint64_t>(next_field(line));
  if (!pid || *pid <= 0 || state.size() != 1 || !parent || *parent < 0 || !started) return std::nullopt;
  return ProcessFacts{
      .pid = *pid, .name = printable(name), .state = state[0], .parent = *parent, .started = *started};
}

std::optional<std::uint64_t> parse_socket_link(std::string_view target) {
  constexpr std::string_view before = "socket:[";
  if (!target.starts_with(before) || !target.ends_with(']')) return std::nullopt;
  target.remove_prefix(before.size());
  target.remove_suffix(1);
  return parse_number<std::uint64_t>(target);
}

std::optional<ProcessFacts> process_facts(pid_t pid) {
  constexpr std::size_t longest = 4096;  // 52 numbers and a short name
  const auto line = base::read_file((folder_of(pid) + "/stat").c_str(), longest);
  if (!line && short_of_something(errno)) throw base::system_error("read /proc");
  return line ? parse_process_stat(*line) : std::nullopt;
}

std::optional<std::vector<ProcessFacts>> all_processes() {
  std::vector<ProcessFacts> processes;
  const bool listed = for_each_pid([&](pid_t pid) {
    if (auto facts = process_facts(pid)) processes.push_back(std::move(*facts));
  });
  if (!listed && short_of_something(errno)) throw base::system_error("read /proc");
  if (processes.empty()) return std::nullopt;  // not even this one: it is another file system
  return processes;
}

base::Duration time_since_boot() noexcept {
  timespec now{};
  if (::clock_gettime(CLOCK_BOOTTIME, &now) != 0) return base::Duration::zero();
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

base::Duration age_of(const ProcessFacts& process, base::Duration since_boot) noexcept {
  constexpr std::uint64_t nanoseconds_a_second = 1'000'000'000;
  const auto per_second = static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_CLK_TCK)));
  const auto whole = static_cast<std::int64_t>(process.started / per_second);
  const auto rest =
      static_cast<std::int64_t>(process.started % per_second * nanoseconds_a_second / per_second);
  const base::Duration started = std::chrono::seconds(whole) + std::chrono::nanoseconds(rest);
  return std::max(since_boot - started, base::Duration::zero());
}

HeldSockets sockets_held_by(pid_t pid) {
  int error = 0;
  auto held = read_sockets(pid, error);
  if (short_of_something(error)) throw base::system_error("read /proc", error);
  return held;
}

std::optional<SocketOwner> find_socket_owner(std::uint64_t inode) {
  std::optional<SocketOwner> owner;
  static_cast<void>(for_each_pid([&](pid_t pid) {
    if (owner && owner->pid < pid) return;
    int error = 0;
    const auto inodes = read_sockets(pid, error).inodes;
    if (std::find(inodes.begin(), inodes.end(), inode) == inodes.end()) return;
    const auto facts = process_facts(pid);
    owner = {.pid = pid, .name = facts ? facts->name : std::string()};
  }));
  return owner;
}

}  // namespace tcpserver::kernel
