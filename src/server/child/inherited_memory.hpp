#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// A process's memory as its children see it.
namespace tcpserver::server {

struct MemoryRange {
  const void* begin = nullptr;  // page-aligned
  std::size_t size = 0;         // bytes
};

// Addresses for mappings that should lie close together, so that a process that has only these needs one page
// of page tables (2 MiB on x86-64 and arm64). Reserves nothing: the addresses are free when this is
// constructed, and mmap(2) takes them as hints.
class AddressHints {
 public:
  // All hints are null if no such place is free, or on processors with other page tables.
  AddressHints() noexcept;

  // Returns a hint for this many bytes, after the previous one; null if they do not fit any more.
  [[nodiscard]] void* next(std::size_t size) noexcept;

 private:
  std::uintptr_t next_ = 0;
  std::uintptr_t end_ = 0;
};

// Hides all memory that this process has mapped now from future children, except these ranges (MADV_DONTFORK,
// madvise(2)). It hides the stack and libc too: children can then run only code that needs neither. Also
// unregisters libc's restartable sequences (rseq(2)), because the kernel kills children whose registered
// memory is gone. Allocates. Returns why some memory could not be hidden, or nullptr.
[[nodiscard]] const char* hide_all_from_children_but(std::span<const MemoryRange> kept);

// Makes all memory visible to future children again. Restartable sequences stay unregistered.
void show_all_to_children();

// Maps a part of this program's own file once more, for good: code that should be in another place and refers
// only to itself. Returns `code` if that fails (no /proc, or a program that is executable but not readable).
[[nodiscard]] MemoryRange map_code_again(MemoryRange code, AddressHints& place);

// Moves the command line that ps shows out of the stack, for good, into memory that can be shared with
// children. Returns an empty range and changes nothing if the kernel refuses (PR_SET_MM_MAP, prctl(2), needs
// CONFIG_CHECKPOINT_RESTORE).
[[nodiscard]] MemoryRange move_command_line(AddressHints& place);

}  // namespace tcpserver::server
