#pragma once

#include "tcpserver/posix/mapping.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

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
// It grows by further segments, for running children have the present ones in use.
class Scoreboard {
 public:
  // Throws StartError where the memory cannot be had. Slots that were never used cost none.
  explicit Scoreboard(std::uint32_t slots) { reserve(slots); }

  // At least so many slots from now on. Throws StartError; nothing has changed then.
  void reserve(std::uint32_t slots);

  [[nodiscard]] SessionRecord& operator[](std::uint32_t slot) const noexcept;

 private:
  struct Segment {
    Segment(std::uint32_t from, std::uint32_t count)
        : first(from), mapping(posix::Mapping::Kind::shared, sizeof(SessionRecord) * count) {}
    std::uint32_t first;
    posix::Mapping mapping;
  };
  std::vector<std::unique_ptr<Segment>> segments_;  // by their first slots; the first has slot 0
  std::uint32_t slots_ = 0;
};

}  // namespace tcpserver::server
