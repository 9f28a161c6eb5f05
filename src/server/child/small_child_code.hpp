#pragma once

#include "server/child/launcher.hpp"

#include <cstddef>
#include <cstdint>

// The code of small children (small_child_code.cpp) is in a section of its own pages that refers to nothing
// outside (tests/layout/check_small_child.sh).
namespace tcpserver::server {

// The stack and buffer of a small child. The parent never touches this memory, so the kernel copies nothing.
// The stack and a buffer for most messages fit into the first page.
struct alignas(4096) SmallChildMemory {
  std::byte stack[1024];
  char buffer[echo_buffer_size + 3072];
};

// Forks. Returns the child's pid, or a negative errno. If order.parent is 0, the child exits with 0 at once,
// for a test.
[[nodiscard]] long start_small_child(ChildOrder order, SessionRecord* record,
                                     SmallChildMemory* memory) noexcept;

}  // namespace tcpserver::server

// The linker defines the begin and the end of the section.
extern "C" const char __start_small_child[];
extern "C" const char __stop_small_child[];
