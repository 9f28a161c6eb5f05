#pragma once

#include "tcpserver/cli/service.hpp"
#include "tcpserver/server/child/scoreboard.hpp"
#include "tcpserver/server/confine/sandbox.hpp"
#include "tcpserver/server/session/session.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

// The code of small children (small_child.hpp): a section of its own, on pages of its own, that calls nothing
// and refers to nothing outside. tests/layout/check_small_child.sh looks at the program for that.
namespace tcpserver::server {

// What a small child is told: four words in registers, for it has no memory of its parent's to read more
// from.
struct SmallChildOrder {
  std::int32_t connection;
  std::int32_t highest_descriptor;  // of those that it inherits
  std::int32_t parent;              // 0: this child is a trial, and exits with 0 at once
  cli::Service service;
  Sandbox sandbox;
  RecordingFile recording;
};
static_assert(sizeof(SmallChildOrder) == 4 * sizeof(std::uint64_t));

// What a small child works in: memory that its parent never touches, so that there is nothing to copy. The
// stack and what most messages need of the buffer are one page.
struct alignas(4096) SmallChildMemory {
  std::byte stack[1024];
  char buffer[echo_buffer_size + 3072];
};

// Forks. Returns the child's pid, or a negative errno.
[[nodiscard]] long start_small_child(SmallChildOrder order, SessionRecord* record,
                                     SmallChildMemory* memory) noexcept;

}  // namespace tcpserver::server

// The section's begin and end, by the linker.
extern "C" const char __start_small_child[];
extern "C" const char __stop_small_child[];
