#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace tcpserver::base {

// Forks without atfork handlers, which would take the stdio and heap locks. The child may call only
// async-signal-safe functions (POSIX.1-2024, _Fork). Returns the child's pid, 0 in the child, -1 with errno.
[[nodiscard]] pid_t fork_child() noexcept;

// Ends a forked child without atexit handlers and flushing. Uses the system call exit, because strict seccomp
// kills a process that calls exit_group, as _exit does.
[[noreturn]] void exit_child(int status) noexcept;

// Closes all descriptors from this number on. If close_range(2) fails, closes only those below 65536 and
// below the limit on open files.
void close_from(int first) noexcept;

// Returns the highest open descriptor. Without /proc, the highest possible one, at most 65535.
[[nodiscard]] int highest_open_descriptor();

// Raises the soft limit of open descriptors to the hard limit. Ignores failure.
void raise_descriptor_limit() noexcept;

// Returns an absolute path, or an empty one if it is unknown, as in a removed directory.
[[nodiscard]] std::string working_directory();

// Opens the terminal or pipe of `fd` a second time, for non-blocking writes. Setting O_NONBLOCK on `fd` would
// affect all processes that share it, such as the shell. Returns -1 for other files, for another user's terminal
// unless it is the controlling terminal, and if the process may open only a few descriptors.
[[nodiscard]] int open_nonblocking(int fd) noexcept;

// Opens a directory for openat(2). It need not be readable (O_PATH). Returns -1 with errno on failure.
[[nodiscard]] int open_directory(const char* path) noexcept;

// Split a path. parent_directory: "/run" for "/run/pid", "." for "pid". file_name: "pid"; empty if the path
// ends with a slash.
[[nodiscard]] std::string parent_directory(const std::string& path);
[[nodiscard]] std::string file_name(const std::string& path);

// True if this name in this directory still refers to the open file, not to a replacement.
[[nodiscard]] bool is_at(int file, int directory, const char* name) noexcept;

// Raises the capacity of a pipe to 1 MiB, the limit for unprivileged users. Ignores failure.
void enlarge_pipe(int fd) noexcept;

// Excludes this page-aligned memory from fork, so that fork need not copy its page tables. A child that
// touches it gets SIGSEGV. Ignores failure.
void hide_from_children(void* memory, std::size_t size) noexcept;

}  // namespace tcpserver::base
