#pragma once

#include "tcpserver/server/child/scoreboard.hpp"

#include "server/child/child.hpp"

#include <sys/types.h>

#include <memory>

namespace tcpserver::server {

// Children that get next to nothing of their parent's memory. A fork copies what the parent has touched, page
// table by page table, and both sides pay again when they write. A session needs a page of code, a stack, a
// buffer and its record. So all else is hidden from children (MADV_DONTFORK): the heap, the stack, libc with
// its data, the rest of the program. Such a child starts with empty page tables, touches three pages, and
// leaves the parent not one page to copy; and whoever takes it over finds no other client's address in it,
// and no code but the session's.
//
// It takes Linux 5.3 and a processor whose few lines of assembly are in small_child_code_linux.cpp.
// Elsewhere, and in builds with sanitizers, whose own memory every code needs, children are plain: run_child.
class SmallChildren {
 public:
  // Has one child try. Throws StartError where the memory cannot be had.
  SmallChildren();
  ~SmallChildren();
  SmallChildren(const SmallChildren&) = delete;
  SmallChildren& operator=(const SmallChildren&) = delete;

  // False: children have to be plain.
  [[nodiscard]] bool available() const noexcept { return memory_ != nullptr; }

  // Where the scoreboard is best.
  [[nodiscard]] Neighbourhood place() const noexcept;

  // Hides all memory but what these children need; the scoreboard is theirs, too. From the first call on no
  // plain child can live, unless they are not available() after it: one child has tried. Later calls hide the
  // memory that was mapped since. Allocates. Returns the reason why hiding failed, or nullptr if it succeeded
  // or this build has no small children.
  [[nodiscard]] const char* hide_the_rest(const Scoreboard& scoreboard);

  // Forks. The child serves the session of this task, with this record, and exits with a SessionEnd. Returns
  // its pid, or -1 with errno.
  [[nodiscard]] pid_t start(const ChildTask& task, SessionRecord& record) const noexcept;

 private:
  struct Memory;
  std::unique_ptr<Memory> memory_;
};

}  // namespace tcpserver::server
