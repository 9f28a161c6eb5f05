#pragma once

#include "tcpserver/posix/mapping.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tcpserver::server {

// What a child tells its parent while it runs. One cache line each, so that children on two processors do
// not slow each other down.
struct alignas(64) SessionRecord {
  std::atomic<std::uint64_t> in;   // read from the client
  std::atomic<std::uint64_t> out;  // written to it
  std::atomic<int> error;          // errno of the read or write that broke the session; 0: none did
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "shared between processes");

  void reset() noexcept {
    in.store(0, std::memory_order_relaxed);
    out.store(0, std::memory_order_relaxed);
    error.store(0, std::memory_order_relaxed);
  }
};

// A memory shared by the parent and all children: slot i belongs to the child in slot i of the child table.
class Scoreboard {
 public:
  explicit Scoreboard(std::uint32_t slots)
      : mapping_(posix::Mapping::Kind::shared, sizeof(SessionRecord) * slots) {}

  // Zeroed memory from mmap is a valid SessionRecord: lock-free atomics of value 0.
  [[nodiscard]] SessionRecord& operator[](std::uint32_t slot) const noexcept {
    return static_cast<SessionRecord*>(mapping_.data())[slot];
  }

 private:
  posix::Mapping mapping_;
};

}  // namespace tcpserver::server
