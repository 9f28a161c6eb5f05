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
  full,           // as many sessions as --max-connections allows, with --overload refuse
  host_full,      // as many of its host as --max-per-host allows
  no_descriptor,  // descriptors were short, with --overload refuse
  fork_failed     // there was no process for it
};
inline constexpr std::size_t refusal_count = 4;

// "max_connections", "max_per_host", ... for what programs read: a label of the metrics.
[[nodiscard]] const char* name_of(Refusal why) noexcept;

// "at the limit", "at their host's limit", ... for people.
[[nodiscard]] const char* text_of(Refusal why) noexcept;

struct ByteCount {
  std::uint64_t in = 0;
  std::uint64_t out = 0;

  void add(const SessionClaims& claims) noexcept;
  void add(const ByteCount& other) noexcept;
};

// How long sessions lasted, in buckets.
struct DurationHistogram {
  // Upper bounds, in microseconds: from what a fork takes to an hour.
  static constexpr std::array<std::uint64_t, 18> bounds_us{
      500,       1'000,      2'500,      5'000,       10'000,      25'000,
      50'000,    100'000,    250'000,    500'000,     1'000'000,   2'500'000,
      5'000'000, 10'000'000, 60'000'000, 300'000'000, 900'000'000, 3'600'000'000};
  std::array<std::uint64_t, bounds_us.size() + 1> counts{};  // each duration in one; the last are those above
  std::uint64_t sum_us = 0;                                  // enough for 500,000 years

  void add(base::Duration duration) noexcept;
};

// What happened since the start. Kept by the parent alone.
struct Counters {
  std::uint64_t accepted = 0;       // connections that accept returned
  std::uint64_t accept_errors = 0;  // accept calls that failed, but for "nobody is waiting"
  // Accept errors by errno. Index 0 counts those whose errno is outside the array.
  std::array<std::uint64_t, 160> accept_errors_by_errno{};
  std::array<std::uint64_t, refusal_count> refused{};    // accepted and reset unserved, by Refusal
  ByteCount bytes;                                       // of ended sessions
  std::array<std::uint64_t, session_end_count> ended{};  // by SessionEnd
  DurationHistogram durations;                           // of ended sessions

  void count_accept_error(int error) noexcept;
  void count_end(SessionEnd end, const ByteCount& transferred, base::Duration duration) noexcept;

  // Resets this client's connection, and counts it.
  void refuse(base::UniqueFd connection, Refusal why) noexcept;
  [[nodiscard]] std::uint64_t all_refused() const noexcept;
  [[nodiscard]] std::uint64_t fork_failures() const noexcept;
};

// How things stand with the sessions that have not ended.
struct OpenSessions {
  std::uint32_t open = 0;
  std::uint32_t most = 0;
  bool reaped = true;  // false: zombies count as open, for nobody asks how they ended
  ByteCount bytes;     // of theirs, so far
};

// Every figure at its largest, the drops at full queues and the queues of two listeners or more.
using StatusText = base::BoundedText<960>;

// "3 of 1000 sessions open, 22 accepted, 2 refused (2 at the limit), ended: 16 client closed, 1 reset; 0
// failed forks, 0 accept errors; 21 bytes in, 15 out", the bytes of open sessions included.
[[nodiscard]] StatusText status_text(const Counters& counters, const OpenSessions& sessions) noexcept;

}  // namespace tcpserver::server
