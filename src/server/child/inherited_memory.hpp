#pragma once

#include "tcpserver/base/mapping.hpp"

#include <cstddef>
#include <memory>
#include <span>

// A process's memory as its children see it.
namespace tcpserver::server {

struct MemoryRange {
  const void* begin;
  std::size_t size;  // bytes; rounded to whole pages, outwards
};

// Hides from children to come all that this process has mapped now, but these ranges (MADV_DONTFORK,
// madvise(2)), the stack and libc included: they can then run only code that needs none of it. Also takes
// back libc's registration for restartable sequences (rseq(2)): the kernel writes to its memory in every
// process that has one, and kills those whose memory is gone. Allocates.
// Returns the reason why some memory could not be hidden, or nullptr if all is hidden.
[[nodiscard]] const char* hide_all_from_children_but(std::span<const MemoryRange> kept);

// Takes that back, for all there is. (But for mappings of devices and the like, for which madvise(2) refuses
// it.)
void show_all_to_children();

// Maps a part of this program's own file once more, at `hint` where that is free: code that is to be in
// another place, and refers to none but itself. `begin` is page-aligned. Null where it cannot (no /proc; a
// program that may be executed and not read). For good.
[[nodiscard]] const void* map_code_again(MemoryRange code, void* hint);

// The command line that ps shows, in memory that children share: as it stands in the stack it would be
// missing where the stack is hidden from them.
class SharedCommandLine {
 public:
  // Moves it. Where the system cannot, range() is empty, and all is as it was (PR_SET_MM_MAP of prctl(2),
  // which kernels without CONFIG_CHECKPOINT_RESTORE do not have).
  explicit SharedCommandLine(void* hint);

  [[nodiscard]] MemoryRange range() const noexcept;

  // How much it takes, in bytes, rounded up.
  static constexpr std::size_t usual_size = 4096;

 private:
  std::unique_ptr<base::Mapping> memory_;
};

}  // namespace tcpserver::server
