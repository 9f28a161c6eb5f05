#pragma once

#include <cstddef>
#include <cstdint>

namespace tcpserver::server {

// Addresses for mappings that shall lie close together, so that one page of page tables (on x86-64 and arm64:
// for 2 MiB) is enough for a process that has only these. Nothing is reserved: they are free when this is
// made, and mmap(2) takes them as hints.
class AddressHints {
 public:
  // Where no such place is found, or the processor's is not known, all hints are null.
  AddressHints() noexcept;

  // A hint for so many bytes, after the last one's; null where they do not fit any more.
  [[nodiscard]] void* next(std::size_t size) noexcept;

 private:
  std::uintptr_t next_ = 0;
  std::uintptr_t end_ = 0;
};

}  // namespace tcpserver::server
