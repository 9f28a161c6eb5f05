#pragma once

#include <time.h>

#include <chrono>
#include <cstddef>
#include <optional>

namespace tcpserver::base {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC: wall clock changes do not affect timeouts
using TimePoint = Clock::time_point;
using Duration = std::chrono::nanoseconds;

// Convert for ppoll and setsockopt. Negative durations become zero. to_timeval rounds up to microseconds.
[[nodiscard]] timespec to_timespec(Duration duration) noexcept;
[[nodiscard]] timeval to_timeval(Duration duration) noexcept;

// Returns the time until the deadline, at least zero. nullopt (no deadline) stays nullopt.
[[nodiscard]] std::optional<Duration> time_left(std::optional<TimePoint> deadline) noexcept;

// Returns the earlier of two deadlines. nullopt means no deadline.
[[nodiscard]] inline std::optional<TimePoint> earlier(std::optional<TimePoint> left,
                                                      std::optional<TimePoint> right) noexcept {
  if (!left || !right) return left ? left : right;
  return *left < *right ? left : right;
}

// Formats as "2026-11-27T04:44:21.123456Z": UTC with microseconds (RFC 3339), years 1970 to 9999. Fills and
// returns `text`. Reads no time zone file and does not allocate.
inline constexpr std::size_t utc_text_size = 28;
const char* format_utc(std::chrono::system_clock::time_point time, char (&text)[utc_text_size]) noexcept;

}  // namespace tcpserver::base
