#pragma once

#include "server/child/launcher.hpp"

#include <cstddef>
#include <cstdint>

// The code of small children (small_child_code.cpp): a section on pages of its own that calls and refers to
// nothing outside (tests/layout/check_small_child.sh).
namespace tcpserver::server {

// A small child's stack and buffer. The parent never touches this memory, so there is nothing to copy. The
// stack and a buffer for most messages fit into the first page.
struct alignas(4096) SmallChildMemory {
  std::byte stack[1024];
  char buffer[echo_buffer_size + 3072];
};

// Forks. Returns the child's pid, or a negative errno. With order.parent == 0 the child exits with 0 at once:
// a trial.
[[nodiscard]] long start_small_child(ChildOrder order, SessionRecord* record,
                                     SmallChildMemory* memory) noexcept;

}  // namespace tcpserver::server

// The linker defines the begin and the end of the section.
extern "C" const char __start_small_child[];
extern "C" const char __stop_small_child[];
