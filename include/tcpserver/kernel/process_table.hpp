#pragma once

#include "tcpserver/base/clock.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Processes and the sockets that they hold open, as /proc shows them (proc(5)).
namespace tcpserver::kernel {

struct ProcessFacts {
  pid_t pid = 0;
  std::string name;  // the command name, at most 15 bytes (proc_pid_comm(5)); unprintable bytes shown as '?'
  char state = '?';  // 'Z' is a zombie
  pid_t parent = 0;
  std::uint64_t started = 0;  // clock ticks since the machine started
};

// Returns a field of the text of /proc/PID/stat, numbered from 3 (the state) as in proc_pid_stat(5). Empty if
// there is no such field.
[[nodiscard]] std::string_view process_stat_field(std::string_view text, int number) noexcept;

// Parses the text of /proc/PID/stat. nullopt if it is malformed.
[[nodiscard]] std::optional<ProcessFacts> parse_process_stat(std::string_view line);

// Returns the inode in "socket:[4711]", the target of a link in /proc/PID/fd. nullopt for other files.
[[nodiscard]] std::optional<std::uint64_t> parse_socket_link(std::string_view target);

// nullopt if the process has ended, or hidden from this user (hidepid, proc(5)).
[[nodiscard]] std::optional<ProcessFacts> process_facts(pid_t pid);

// Returns true if a signal or a debugger has stopped the process (proc_pid_stat(5), states T and t), or if
// its cgroup is frozen, as by docker pause.
[[nodiscard]] bool is_suspended(const ProcessFacts& process);

// Returns the processes that this user may see and that do not end meanwhile. nullopt without /proc.
[[nodiscard]] std::optional<std::vector<ProcessFacts>> all_processes();

// Time since the machine started, including suspend.
[[nodiscard]] base::Duration time_since_boot() noexcept;

// Returns the age of the process, exact to a clock tick (usually 10 ms).
[[nodiscard]] base::Duration process_age(const ProcessFacts& process, base::Duration since_boot) noexcept;

struct HeldSockets {
  enum class Sight {
    whole,
    hidden,  // this user has no permission (ptrace(2), PTRACE_MODE_READ_FSCREDS)
    ended    // the process no longer exists
  };
  Sight sight = Sight::ended;
  std::vector<std::uint64_t> inodes;
};

// Returns the sockets of a process. Throws StartError (system) if descriptors or memory run out, because an
// empty result would mean a process without sockets.
[[nodiscard]] HeldSockets sockets_held_by(pid_t pid);

struct SocketOwner {
  pid_t pid = 0;
  std::string name;  // as in ProcessFacts
};

// Returns the process with the lowest pid that has the socket open. nullopt if /proc does not show it:
// without privilege it hides other users' descriptors, and it never shows another pid namespace.
[[nodiscard]] std::optional<SocketOwner> find_socket_owner(std::uint64_t inode);

}  // namespace tcpserver::kernel
