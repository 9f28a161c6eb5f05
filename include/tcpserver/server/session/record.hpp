#pragma once

#include <atomic>
#include <cstdint>

namespace tcpserver::server {

// What became of a recording (--record).
struct Recording {
  std::atomic<std::uint64_t> bytes = 0;  // written to its file
  std::atomic<int> error = 0;            // errno of the write that ended it; 0: none did

  void reset() noexcept {
    bytes.store(0, std::memory_order_relaxed);
    error.store(0, std::memory_order_relaxed);
  }
};

// The figures that a record claims for its session. A compromised child can write to every record: use these
// figures for reports only. Errors are 0 to EHWPOISON.
struct SessionClaims {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  int error = 0;
  std::uint64_t recorded = 0;
  int recording_error = 0;
};

// A child's report to the parent. The parent reads it only through claims() and does not trust it. Each
// record fills one cache line, so that children on two processors do not slow each other down.
struct alignas(64) SessionRecord {
  std::atomic<std::uint64_t> in;   // read from the client
  std::atomic<std::uint64_t> out;  // written to it
  std::atomic<int> error;          // errno of the read or write that broke the session; 0: none did
  Recording recording;
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "shared between processes");

  void reset() noexcept {
    in.store(0, std::memory_order_relaxed);
    out.store(0, std::memory_order_relaxed);
    error.store(0, std::memory_order_relaxed);
    recording.reset();
  }

  [[nodiscard]] SessionClaims claims() const noexcept;

  // A plain sum and no atomic one: a record has one writer, and its readers want no torn figure, that is all.
  static void add(std::atomic<std::uint64_t>& total, std::uint64_t count) noexcept {
    total.store(total.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
};

static_assert(sizeof(SessionRecord) == 64);

}  // namespace tcpserver::server
