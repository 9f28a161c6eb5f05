#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/session/session.hpp"

#include <array>
#include <cstdint>

namespace tcpserver::server {

// The reason why a client was accepted and then reset.
enum class Refusal {
  full,           // --max-connections is reached, with --overload refuse
  host_full,      // --max-per-host is reached
  no_descriptor,  // no descriptor is free, with --overload refuse
  fork_failed
};
inline constexpr std::size_t refusal_count = 4;

// "max_connections", "max_per_host", ...: for metrics and JSON.
[[nodiscard]] const char* to_string(Refusal reason) noexcept;
// "at --max-connections", ...: for people, after a number.
[[nodiscard]] const char* describe(Refusal reason) noexcept;

struct ByteCount {
  std::uint64_t in = 0;
  std::uint64_t out = 0;

  // Adds another ByteCount, or SessionClaims.
  void add(const auto& other) noexcept {
    in += other.in;
    out += other.out;
  }
};

// Counts sessions by duration.
struct DurationHistogram {
  // Upper bounds in microseconds, from the duration of a fork to an hour.
  static constexpr std::array<std::uint64_t, 18> bounds_us{
      500,       1'000,      2'500,      5'000,       10'000,      25'000,
      50'000,    100'000,    250'000,    500'000,     1'000'000,   2'500'000,
      5'000'000, 10'000'000, 60'000'000, 300'000'000, 900'000'000, 3'600'000'000};
  // Not cumulative. The last bucket counts durations above all bounds.
  std::array<std::uint64_t, bounds_us.size() + 1> counts{};
  std::uint64_t sum_us = 0;  // overflows after 500,000 years

  void add(base::Duration duration) noexcept;
};

// Counts events since the start. Only the parent counts.
struct Counters {
  std::uint64_t accepted = 0;       // connections that accept returned
  std::uint64_t accept_errors = 0;  // failed accept calls except EAGAIN
  // Accept errors by errno. Index 0 counts numbers outside the array.
  std::array<std::uint64_t, 160> accept_errors_by_errno{};
  std::array<std::uint64_t, refusal_count> refused{};    // reset without service, by Refusal
  ByteCount bytes;                                       // of ended sessions
  std::array<std::uint64_t, session_end_count> ended{};  // by SessionEnd
  DurationHistogram durations;                           // of ended sessions

  void count_accept_error(int error) noexcept;
  void count_end(SessionEnd end, const ByteCount& transferred, base::Duration duration) noexcept;

  // Resets this client's connection and counts it.
  void refuse(base::UniqueFd connection, Refusal reason) noexcept;
  [[nodiscard]] std::uint64_t all_refused() const noexcept;
  [[nodiscard]] std::uint64_t fork_failures() const noexcept;
};

// The open sessions.
struct OpenSessions {
  std::uint32_t open = 0;
  std::uint32_t most = 0;
  bool reaped = true;  // false with --reap once and --reap none: zombies count as open
  ByteCount bytes{};   // so far
};

// "sessions open" or, if zombies count, "slots in use (zombies included)": for people, after a number.
[[nodiscard]] const char* describe_open(const OpenSessions& sessions) noexcept;

}  // namespace tcpserver::server
