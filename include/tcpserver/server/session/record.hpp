#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>

namespace tcpserver::server {

// The contents of a record. A compromised child can write to every record, so use this only for
// reports. Errors are 0 to EHWPOISON.
struct SessionClaims {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  int error = 0;
  std::uint64_t recorded = 0;
  int recording_error = 0;
};

// The report of a child to its parent. The parent reads it only through claims() and does not trust it. Each
// record fills one cache line, so that children on different processors do not slow each other down.
struct alignas(64) SessionRecord {
  std::atomic<std::uint64_t> in;        // bytes read from the client
  std::atomic<std::uint64_t> out;       // bytes written to it
  std::atomic<int> error;               // errno of the read or write that failed; 0 if none
  std::atomic<std::uint64_t> recorded;  // bytes written to the file of --record
  std::atomic<int> recording_error;     // errno of the write that ended the recording; 0 if none
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "shared between processes");

  void reset() noexcept {
    for (auto* const bytes : {&in, &out, &recorded}) bytes->store(0, std::memory_order_relaxed);
    for (auto* const failure : {&error, &recording_error}) failure->store(0, std::memory_order_relaxed);
  }

  [[nodiscard]] SessionClaims claims() const noexcept;

  // Needs no atomic addition, because a record has one writer; readers need only whole values.
  static void add(std::atomic<std::uint64_t>& total, std::uint64_t count) noexcept {
    total.store(total.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
};

static_assert(sizeof(SessionRecord) == 64);

}  // namespace tcpserver::server
