#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/session/session.hpp"

#include <array>
#include <cstdint>

namespace tcpserver::server {

// Why a client was accepted and reset.
enum class Refusal {
  full,           // --max-connections is reached, with --overload refuse
  host_full,      // --max-per-host is reached
  no_descriptor,  // descriptors are short, with --overload refuse
  fork_failed
};
inline constexpr std::size_t refusal_count = 4;

// "max_connections", "max_per_host", ...: a label of the metrics.
[[nodiscard]] const char* name_of(Refusal why) noexcept;

struct ByteCount {
  std::uint64_t in = 0;
  std::uint64_t out = 0;

  // Adds another ByteCount, or SessionClaims.
  void add(const auto& other) noexcept {
    in += other.in;
    out += other.out;
  }
};

// The durations of sessions, in buckets.
struct DurationHistogram {
  // Upper bounds, in microseconds: from what a fork takes to an hour.
  static constexpr std::array<std::uint64_t, 18> bounds_us{
      500,       1'000,      2'500,      5'000,       10'000,      25'000,
      50'000,    100'000,    250'000,    500'000,     1'000'000,   2'500'000,
      5'000'000, 10'000'000, 60'000'000, 300'000'000, 900'000'000, 3'600'000'000};
  // Not cumulative. The last one counts durations above all bounds.
  std::array<std::uint64_t, bounds_us.size() + 1> counts{};
  std::uint64_t sum_us = 0;  // enough for 500,000 years

  void add(base::Duration duration) noexcept;
};

// Counts events since the start. Only the parent counts.
struct Counters {
  std::uint64_t accepted = 0;       // connections that accept returned
  std::uint64_t accept_errors = 0;  // failed calls of accept, without EAGAIN
  // Accept errors by errno. Index 0 counts those whose errno is outside the array.
  std::array<std::uint64_t, 160> accept_errors_by_errno{};
  std::array<std::uint64_t, refusal_count> refused{};    // accepted and reset unserved, by Refusal
  ByteCount bytes;                                       // of ended sessions
  std::array<std::uint64_t, session_end_count> ended{};  // by SessionEnd
  DurationHistogram durations;                           // of ended sessions

  void count_accept_error(int error) noexcept;
  void count_end(SessionEnd end, const ByteCount& transferred, base::Duration duration) noexcept;

  // Resets this client's connection and counts it.
  void refuse(base::UniqueFd connection, Refusal why) noexcept;
  [[nodiscard]] std::uint64_t all_refused() const noexcept;
  [[nodiscard]] std::uint64_t fork_failures() const noexcept;
};

// The sessions that have not ended.
struct OpenSessions {
  std::uint32_t open = 0;
  std::uint32_t most = 0;
  bool reaped = true;  // false: zombies count as open, because nobody waits for them
  ByteCount bytes{};   // so far
};

// Has room for the largest figures, the drops at full queues and the queues of two listeners.
using StatusText = base::BoundedText<960>;

// "3 of 1000 sessions open, 22 accepted, 2 refused (2 at the limit), ended: 16 client closed, 1 reset; 0
// failed forks, 0 accept errors; 21 bytes in, 15 out". Bytes include those of open sessions.
[[nodiscard]] StatusText status_text(const Counters& counters, const OpenSessions& sessions) noexcept;

}  // namespace tcpserver::server
