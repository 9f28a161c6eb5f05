#pragma once

#include <time.h>

#include <chrono>
#include <optional>

namespace tcpserver::posix {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC: no step of the wall clock moves a time-out
using TimePoint = Clock::time_point;
using Duration = std::chrono::nanoseconds;

// For ppoll and setsockopt. Durations below zero become zero.
[[nodiscard]] timespec to_timespec(Duration duration) noexcept;
[[nodiscard]] timeval to_timeval(Duration duration) noexcept;

// What is left until the deadline, never below zero; nothing stays nothing (wait for ever).
[[nodiscard]] std::optional<Duration> time_left(std::optional<TimePoint> deadline) noexcept;

}  // namespace tcpserver::posix
