#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace tcpserver::base {

// fork without atfork handlers and without the stdio and heap locks they take: the child may only call
// async-signal-safe functions (POSIX.1-2024, _Fork). Returns the child's pid, 0 in the child, -1 with errno.
[[nodiscard]] pid_t fork_child() noexcept;

// Ends a forked child without atexit handlers and flushing. Uses the system call exit, the only way out that
// strict seccomp allows (_exit is exit_group).
[[noreturn]] void exit_child(int status) noexcept;

// Closes all descriptors from this number on. If close_range is refused, it closes only those below 65536 and
// below the limit on open files.
void close_from(int first) noexcept;

// The highest open descriptor. Without /proc, the highest possible one, at most 65535.
[[nodiscard]] int highest_open_descriptor();

// Raises the soft limit of open descriptors to the hard limit. Ignores failure.
void raise_descriptor_limit() noexcept;

// An absolute path; empty if unknown, as in a directory that was removed.
[[nodiscard]] std::string working_directory();

// Opens the terminal or pipe of `fd` again, for writing without blocking. Setting O_NONBLOCK on `fd` itself
// would change it for everyone who shares it: the shell, other programs of a pipeline. -1 for other kinds of
// files, and for another user's terminal that is not the controlling one.
[[nodiscard]] int open_nonblocking(int fd) noexcept;

// A descriptor of the directory for openat(2). It need not be readable (O_PATH). -1 with errno.
[[nodiscard]] int open_folder(const char* path) noexcept;

// The directory of a path: "/run" for "/run/pid", "." for "pid". And the name there, "pid"; empty if the path
// ends with a slash.
[[nodiscard]] std::string folder_of(const std::string& path);
[[nodiscard]] std::string name_of(const std::string& path);

// True if the entry of this name in this directory is the open file, not another one put in its place.
[[nodiscard]] bool is_at(int file, int folder, const char* name) noexcept;

// Asks for a pipe capacity of a MiB, the most that an unprivileged user gets. Ignores failure.
void ask_for_large_pipe(int fd) noexcept;

// Keeps children from inheriting this page-aligned memory, so that fork has no page tables of it to copy. A
// child that touches it faults. Ignores failure.
void hide_from_children(void* memory, std::size_t size) noexcept;

}  // namespace tcpserver::base
