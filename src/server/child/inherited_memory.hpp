#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// Controls which memory of this process its children inherit.
namespace tcpserver::server {

struct MemoryRange {
  const void* begin = nullptr;  // page-aligned
  std::size_t size = 0;         // bytes
};

// Addresses for mappings that should be close together, so that a process with only these mappings needs one
// page of page tables (for 2 MiB on x86-64 and arm64). Reserves nothing: the addresses are free at
// construction, and mmap(2) treats them as hints.
class AddressHints {
 public:
  // All hints are null if no such range is free, or if the page tables have another layout.
  AddressHints() noexcept;

  // Returns a hint for `size` bytes, after the previous one; null if the range is used up.
  [[nodiscard]] void* next(std::size_t size) noexcept;

 private:
  std::uintptr_t next_ = 0;
  std::uintptr_t end_ = 0;
};

// Hides all present mappings of this process from future children, except `kept` (MADV_DONTFORK, madvise(2)).
// This includes the stack and libc, so children can run only code that needs neither. Also unregisters libc's
// restartable sequences (rseq(2)), because the kernel kills a child if their memory is missing. Allocates.
// Returns why some memory could not be hidden, or nullptr.
[[nodiscard]] const char* hide_from_children_except(std::span<const MemoryRange> kept);

// Makes all memory visible to future children again. Restartable sequences stay unregistered.
void show_all_to_children();

// Maps a part of this program's file a second time at `place`, permanently. The code must refer only to
// itself. Returns `code` if that fails: without /proc, or if the program is executable but not readable.
[[nodiscard]] MemoryRange remap_code(MemoryRange code, AddressHints& place);

// Moves the command line that ps shows from the stack to memory that can be shared with children,
// permanently. Returns an empty range and changes nothing if the kernel refuses (PR_SET_MM_MAP, prctl(2),
// requires CONFIG_CHECKPOINT_RESTORE).
[[nodiscard]] MemoryRange move_command_line(AddressHints& place);

}  // namespace tcpserver::server
