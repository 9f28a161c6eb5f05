#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

// What /proc says of the programs under test.
namespace harness {

struct ChildState {
  pid_t pid;
  char state;  // 'Z' is a zombie (proc_pid_stat(5))
};

[[nodiscard]] std::vector<ChildState> children_of(pid_t parent);
[[nodiscard]] std::size_t zombies_of(pid_t parent);

// The processes, but zombies, that were started with this variable, "NAME=value", in their environment.
[[nodiscard]] std::vector<pid_t> processes_with(const std::string& variable);

// The processor time that a process has used, its own and the kernel's for it.
[[nodiscard]] std::chrono::milliseconds processor_time_of(pid_t pid);

// Sets a resource limit of a process, such as RLIMIT_NOFILE. False where that is not allowed.
[[nodiscard]] bool set_limit(pid_t pid, int resource, unsigned long value);

// The open descriptors of a process.
[[nodiscard]] std::size_t descriptors_of(pid_t pid);

// Copies of the listening sockets that a program under test has open (pidfd_getfd(2)), so that the kernel can
// be asked about them. The caller closes them. Empty where the kernel does not give them.
[[nodiscard]] std::vector<int> copies_of_listeners(pid_t pid);

// A line of /proc/PID/status, such as "Seccomp" or "SigBlk", without its name and blanks; empty: no such
// line.
[[nodiscard]] std::string status_of(pid_t pid, const std::string& name);

// Whether this test itself runs under a seccomp filter, as in most containers: then no process that it starts
// can enter strict mode (seccomp(2)).
[[nodiscard]] bool under_seccomp_filter();

// Lets this process open as many descriptors as it may. Returns how many that is.
std::size_t raise_descriptor_limit();

}  // namespace harness
