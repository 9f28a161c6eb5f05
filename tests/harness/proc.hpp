#pragma once

#include "tcpserver/kernel/process_table.hpp"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

// Facts about the programs under test, from /proc.
namespace harness {

// Returns the children of a process. State 'Z' is a zombie (proc_pid_stat(5)).
[[nodiscard]] std::vector<tcpserver::kernel::ProcessFacts> find_children(pid_t parent);
[[nodiscard]] std::size_t count_zombies(pid_t parent);

// Returns /proc/PID.
[[nodiscard]] std::filesystem::path proc_directory(pid_t pid);

// Returns the processes (not zombies) that have this variable, "NAME=value", in their environment.
[[nodiscard]] std::vector<pid_t> find_processes(const std::string& variable);

// Returns the user and system CPU time of a process.
[[nodiscard]] std::chrono::milliseconds cpu_time(pid_t pid);

// Sets a resource limit of a process, such as RLIMIT_NOFILE. Returns false without permission.
[[nodiscard]] bool set_limit(pid_t pid, int resource, unsigned long value);

// Returns the number of open descriptors of a process.
[[nodiscard]] std::size_t count_descriptors(pid_t pid);

// Copies the listening sockets of a program under test (pidfd_getfd(2)), to read their state. The caller
// closes the copies. Empty without permission.
[[nodiscard]] std::vector<int> copy_listeners(pid_t pid);

// Returns the value of a line of /proc/PID/status, such as "Seccomp" or "SigBlk"; empty if missing.
[[nodiscard]] std::string read_proc_status(pid_t pid, const std::string& name);

// True if the process exists and is not a zombie.
[[nodiscard]] bool is_running(pid_t pid);

// Waits until the process sleeps ('S') or is stopped ('T').
[[nodiscard]] bool reaches_state(pid_t pid, char state);

// Stops a process (SIGSTOP) and waits until it is stopped.
[[nodiscard]] bool freeze(pid_t pid);

// True if this test runs under a seccomp filter, as in most containers. Then its children cannot enter strict
// mode (seccomp(2)).
[[nodiscard]] bool under_seccomp_filter();

// Raises the limit of open descriptors of this process as far as possible. Returns the limit.
std::size_t raise_descriptor_limit();

}  // namespace harness
