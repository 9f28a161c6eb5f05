#pragma once

#include <sys/types.h>

#include <array>
#include <string>

namespace harness {

// The result of an injected system call.
struct CallResult {
  bool possible = false;  // false on other machines than x86-64, or without permission to ptrace
  int killed_by = 0;      // the signal that the call caused; 0 if the process continues
  long value = 0;         // the return value, -errno for an error
};

// Injects a system call into a process that waits in another one, by ptrace(2). Puts `text` on the stack of
// the process; the argument in_text stands for its address.
inline constexpr unsigned long in_text = ~0UL - 1;
[[nodiscard]] CallResult call_in(pid_t pid, long number, std::array<unsigned long, 6> arguments = {},
                                 const std::string& text = "");

}  // namespace harness
