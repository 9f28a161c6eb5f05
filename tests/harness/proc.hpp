#pragma once

#include "tcpserver/kernel/process_table.hpp"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

// What /proc says of the programs under test.
namespace harness {

// The children of a process. State 'Z' is a zombie (proc_pid_stat(5)).
[[nodiscard]] std::vector<tcpserver::kernel::ProcessFacts> children_of(pid_t parent);
[[nodiscard]] std::size_t zombies_of(pid_t parent);

// /proc/PID.
[[nodiscard]] std::filesystem::path proc_folder(pid_t pid);

// The processes, without zombies, that were started with this variable, "NAME=value", in their environment.
[[nodiscard]] std::vector<pid_t> processes_with(const std::string& variable);

// The processor time that a process has used, in user and system mode.
[[nodiscard]] std::chrono::milliseconds processor_time_of(pid_t pid);

// Sets a resource limit of a process, such as RLIMIT_NOFILE. False without the right to.
[[nodiscard]] bool set_limit(pid_t pid, int resource, unsigned long value);

// The number of open descriptors of a process.
[[nodiscard]] std::size_t descriptors_of(pid_t pid);

// Copies of the listening sockets of a program under test (pidfd_getfd(2)), so that the kernel can be asked
// about them. The caller closes them. Empty without the right to copy.
[[nodiscard]] std::vector<int> copies_of_listeners(pid_t pid);

// A line of /proc/PID/status, such as "Seccomp" or "SigBlk", without its name and blanks; empty if missing.
[[nodiscard]] std::string status_of(pid_t pid, const std::string& name);

// Whether the process exists and is no zombie.
[[nodiscard]] bool is_running(pid_t pid);

// Waits until the process sleeps ('S') or is stopped ('T').
[[nodiscard]] bool reaches_state(pid_t pid, char state);

// Stops a process (SIGSTOP) and waits until it is stopped.
[[nodiscard]] bool freeze(pid_t pid);

// Whether this test runs under a seccomp filter, as in most containers. Its children cannot enter strict mode
// then (seccomp(2)).
[[nodiscard]] bool under_seccomp_filter();

// Raises the limit of open descriptors of this process as far as possible. Returns the limit.
std::size_t raise_descriptor_limit();

}  // namespace harness
