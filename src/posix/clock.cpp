#include "tcpserver/posix/clock.hpp"

#include <algorithm>

namespace tcpserver::posix {

using std::chrono::duration_cast;

timespec to_timespec(Duration duration) noexcept {
  const auto positive = std::max(duration, Duration::zero());
  const auto seconds = duration_cast<std::chrono::seconds>(positive);
  return {.tv_sec = seconds.count(), .tv_nsec = (positive - seconds).count()};
}

timeval to_timeval(Duration duration) noexcept {
  const auto exact = to_timespec(duration);
  // Rounded up: a time-out below a microsecond must not become zero, which means "never" to SO_RCVTIMEO.
  const auto microseconds = (exact.tv_nsec + 999) / 1000;
  if (microseconds == 1'000'000) return {.tv_sec = exact.tv_sec + 1, .tv_usec = 0};
  return {.tv_sec = exact.tv_sec, .tv_usec = microseconds};
}

std::optional<Duration> time_left(std::optional<TimePoint> deadline) noexcept {
  if (!deadline) return std::nullopt;
  return std::max<Duration>(*deadline - Clock::now(), Duration::zero());
}

}  // namespace tcpserver::posix
