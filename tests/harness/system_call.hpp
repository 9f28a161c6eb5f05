#pragma once

#include <sys/types.h>

#include <array>
#include <string>

namespace harness {

// What came of a system call that a process was made to make.
struct CallResult {
  bool possible = false;  // false: this test knows no way here (not x86-64, or ptrace is not allowed)
  int killed_by = 0;      // the signal that the call cost it; 0: it lives, and goes on as if nothing were
  long value = 0;         // what the call returned, -errno for an error; where it lives
};

// Has a process that waits in a system call make another one, by ptrace(2). An argument may be the address of
// `text`, which is put on the process's stack for the call: in_text stands for it.
inline constexpr unsigned long in_text = ~0UL - 1;
[[nodiscard]] CallResult call_in(pid_t pid, long number, std::array<unsigned long, 6> arguments = {},
                                 const std::string& text = "");

}  // namespace harness
