#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace tcpserver::base {

// fork without atfork handlers and without the stdio and heap locks they take: the child may only call
// async-signal-safe functions (POSIX.1-2024, _Fork). Returns the child's pid, 0 in the child, -1 with errno.
[[nodiscard]] pid_t fork_child() noexcept;

// Ends a forked child without atexit handlers and flushing. Uses the system call exit, the only way out that
// strict seccomp allows (_exit is exit_group).
[[noreturn]] void exit_child(int status) noexcept;

// Closes all descriptors from this number on. If close_range is refused, only those below the limit of open
// files, and below 65536.
void close_from(int first) noexcept;

// The highest descriptor that is open now, as /proc tells; where that is not to be had, the highest that
// could be, or 65535 where that is less.
[[nodiscard]] int highest_open_descriptor();

// Lets this process open as many descriptors as it may without privilege: the soft limit becomes the hard
// one. Advice: where that fails, all stays as it is.
void raise_descriptor_limit() noexcept;

// The absolute path of where this process is; empty where that is not known, as in a directory that was
// removed.
[[nodiscard]] std::string working_directory();

// A further descriptor for writing to the terminal or pipe of `fd`, which never blocks. Setting O_NONBLOCK on
// `fd` itself would change it for everyone who shares it: the shell, other programs of a pipeline. -1 for
// other kinds of files, and where it cannot be had: the terminal is another user's, and not the controlling
// one, which everybody may open.
[[nodiscard]] int open_nonblocking(int fd) noexcept;

// A descriptor of this folder, for openat(2) and its kin; it need not be readable where the system has O_PATH
// or O_SEARCH. -1 with errno.
[[nodiscard]] int open_folder(const char* path) noexcept;

// The folder in which the file of this path is: "/run" of "/run/pid", "." of "pid". And its name there,
// "pid": empty where the path ends with a slash.
[[nodiscard]] std::string folder_of(const std::string& path);
[[nodiscard]] std::string name_of(const std::string& path);

// Whether what has this name in this open folder is the open file, and no other that was put in its place.
[[nodiscard]] bool is_at(int file, int folder, const char* name) noexcept;

// Asks that the pipe of `fd` holds as much as this user may ask for, a MiB: advice, and Linux alone can.
void ask_for_large_pipe(int fd) noexcept;

// Asks that no child inherits this page-aligned memory: fork then has its page tables not to copy, and a
// child that touches it faults. Advice: where the system cannot, children get their copy as usual.
void hide_from_children(void* memory, std::size_t size) noexcept;

}  // namespace tcpserver::base
