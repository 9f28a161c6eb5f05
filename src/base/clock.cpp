#include "tcpserver/base/clock.hpp"

#include <algorithm>
#include <cstdio>

namespace tcpserver::base {

using std::chrono::duration_cast;

timespec to_timespec(Duration duration) noexcept {
  const auto positive = std::max(duration, Duration::zero());
  const auto seconds = duration_cast<std::chrono::seconds>(positive);
  return {.tv_sec = seconds.count(), .tv_nsec = (positive - seconds).count()};
}

timeval to_timeval(Duration duration) noexcept {
  const auto exact = to_timespec(duration);
  // Round up, because SO_RCVTIMEO treats zero as "no timeout".
  const auto microseconds = (exact.tv_nsec + 999) / 1000;
  if (microseconds == 1'000'000) return {.tv_sec = exact.tv_sec + 1, .tv_usec = 0};
  return {.tv_sec = exact.tv_sec, .tv_usec = microseconds};
}

std::optional<Duration> time_left(std::optional<TimePoint> deadline) noexcept {
  if (!deadline) return std::nullopt;
  return std::max<Duration>(*deadline - Clock::now(), Duration::zero());
}

const char* format_utc(std::chrono::system_clock::time_point time, char (&text)[utc_text_size]) noexcept {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const auto since_midnight = duration_cast<microseconds>(time - day).count();
  const auto second = since_midnight / 1'000'000;
  // The modulus limits each number to its digits, so that the compiler knows that the text fits.
  const auto digits = [](auto number, unsigned modulus) { return static_cast<unsigned>(number) % modulus; };
  std::snprintf(
      text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", digits(static_cast<int>(date.year()), 10'000),
      digits(static_cast<unsigned>(date.month()), 100), digits(static_cast<unsigned>(date.day()), 100),
      digits(second / 3600, 100), digits(second / 60 % 60, 100), digits(second % 60, 100),
      digits(since_midnight % 1'000'000, 1'000'000));
  return text;
}

}  // namespace tcpserver::base
