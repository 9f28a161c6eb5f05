#pragma once

#include <sys/types.h>

#include <array>
#include <string>

namespace harness {

// The outcome of a system call that a process was made to make.
struct CallResult {
  bool possible = false;  // false if not on x86-64, or without the right to ptrace
  int killed_by = 0;      // the signal that the call caused; 0 if the process lives, which then goes on
  long value = 0;         // the return value, -errno for an error
};

// Makes a process that waits in a system call make another one, by ptrace(2). The argument in_text stands for
// the address of `text`, which is put on the process's stack.
inline constexpr unsigned long in_text = ~0UL - 1;
[[nodiscard]] CallResult call_in(pid_t pid, long number, std::array<unsigned long, 6> arguments = {},
                                 const std::string& text = "");

}  // namespace harness
