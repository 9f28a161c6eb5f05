#pragma once

#include "tcpserver/base/clock.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Processes and the sockets that they hold open, as /proc shows them (proc(5)). Linux only.
namespace tcpserver::kernel {

struct ProcessFacts {
  pid_t pid = 0;
  std::string name;  // the command name, at most 15 bytes (proc_pid_comm(5)); unprintable bytes shown as '?'
  char state = '?';  // 'Z' is a zombie
  pid_t parent = 0;
  std::uint64_t started = 0;  // in clock ticks since the machine's start
};

// The line of /proc/PID/stat. Nothing for what does not parse.
[[nodiscard]] std::optional<ProcessFacts> parse_process_stat(std::string_view line);

// The inode of "socket:[4711]", as a link in /proc/PID/fd says. Nothing for every other file.
[[nodiscard]] std::optional<std::uint64_t> parse_socket_link(std::string_view target);

// One process; nothing where it is gone, or hidden from this user (hidepid, proc(5)).
[[nodiscard]] std::optional<ProcessFacts> process_facts(pid_t pid);

// Every process that this user may know of. What ends meanwhile is left out. Nothing where there is no /proc.
[[nodiscard]] std::optional<std::vector<ProcessFacts>> all_processes();

// Since the machine's start, time in suspend included.
[[nodiscard]] base::Duration time_since_boot() noexcept;

// How long before that moment a process began, exact to a clock tick (10 ms as a rule). By one moment for all
// of them, those that began within one tick have one age.
[[nodiscard]] base::Duration age_of(const ProcessFacts& process, base::Duration since_boot) noexcept;

struct HeldSockets {
  enum class Sight {
    whole,
    hidden,  // this user has no right to look (ptrace(2), PTRACE_MODE_READ_FSCREDS)
    gone     // there is no such process any more
  };
  Sight sight = Sight::gone;
  std::vector<std::uint64_t> inodes;
};

// The sockets of a process. Throws StartError (system) where descriptors or memory are short: that must not
// look like a process without sockets.
[[nodiscard]] HeldSockets sockets_held_by(pid_t pid);

struct SocketOwner {
  pid_t pid = 0;
  std::string name;  // as in ProcessFacts
};

// The process with the lowest pid that holds the socket open. nullopt if /proc does not show it, as for
// another user's process without privilege, or in another pid namespace.
[[nodiscard]] std::optional<SocketOwner> find_socket_owner(std::uint64_t inode);

}  // namespace tcpserver::kernel
