#pragma once

#include <time.h>

#include <chrono>
#include <cstddef>
#include <optional>

namespace tcpserver::base {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC: no step of the wall clock moves a time-out
using TimePoint = Clock::time_point;
using Duration = std::chrono::nanoseconds;

// For ppoll and setsockopt. Durations below zero become zero.
[[nodiscard]] timespec to_timespec(Duration duration) noexcept;
[[nodiscard]] timeval to_timeval(Duration duration) noexcept;

// Returns the time until the deadline, at least zero. nullopt stays nullopt: no limit.
[[nodiscard]] std::optional<Duration> time_left(std::optional<TimePoint> deadline) noexcept;

// Returns the earlier one of two deadlines. nullopt means none.
[[nodiscard]] inline std::optional<TimePoint> earlier(std::optional<TimePoint> left,
                                                      std::optional<TimePoint> right) noexcept {
  if (!left || !right) return left ? left : right;
  return *left < *right ? left : right;
}

// "2026-11-27T04:44:21.123456Z": UTC with microseconds (RFC 3339), years 1970 to 9999. Fills and returns
// `text`. Reads no time zone file, allocates nothing.
inline constexpr std::size_t utc_text_size = 28;
const char* utc_text(std::chrono::system_clock::time_point time, char (&text)[utc_text_size]) noexcept;

}  // namespace tcpserver::base
