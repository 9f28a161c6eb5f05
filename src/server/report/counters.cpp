#include "tcpserver/server/report/counters.hpp"

#include "tcpserver/base/io.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace tcpserver::server {

namespace {

// By Refusal.
constexpr struct {
  const char* name;
  const char* text;
} refusals[refusal_count] = {{"max_connections", "at the limit"},
                             {"max_per_host", "at their host's limit"},
                             {"no_descriptor", "for want of a descriptor"},
                             {"fork_failed", "for want of a process"}};

}  // namespace

void DurationHistogram::add(base::Duration duration) noexcept {
  const auto us = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(duration).count()));
  ++counts[static_cast<std::size_t>(std::lower_bound(bounds_us.begin(), bounds_us.end(), us) -
                                    bounds_us.begin())];
  sum_us += us;
}

void Counters::count_accept_error(int error) noexcept {
  ++accept_errors;
  const auto index = static_cast<std::size_t>(error);
  ++accept_errors_by_errno[error > 0 && index < accept_errors_by_errno.size() ? index : 0];
}

void Counters::count_end(SessionEnd end, const ByteCount& transferred, base::Duration duration) noexcept {
  ++ended[static_cast<std::size_t>(end)];
  bytes.add(transferred);
  durations.add(duration);
}

void Counters::refuse(base::UniqueFd connection, Refusal why) noexcept {
  base::close_with_reset(std::move(connection));
  ++refused[static_cast<std::size_t>(why)];
}

std::uint64_t Counters::all_refused() const noexcept {
  return std::accumulate(refused.begin(), refused.end(), std::uint64_t{0});
}

std::uint64_t Counters::fork_failures() const noexcept {
  return refused[static_cast<std::size_t>(Refusal::fork_failed)];
}

const char* name_of(Refusal why) noexcept {
  return refusals[static_cast<std::size_t>(why)].name;
}

StatusText status_text(const Counters& counters, const OpenSessions& sessions) noexcept {
  StatusText text;
  text.append("%u of %u %s, %llu accepted, %llu refused", sessions.open, sessions.most,
              sessions.reaped ? "sessions open" : "places taken, by zombies too",
              base::wide(counters.accepted), base::wide(counters.all_refused()));
  const char* separator = " (";
  for (std::size_t i = 0; i < refusal_count; ++i) {
    if (counters.refused[i] == 0) continue;
    text.append("%s%llu %s", separator, base::wide(counters.refused[i]), refusals[i].text);
    separator = ", ";
  }
  text.append("%s, ended:", *separator == ',' ? ")" : "");
  separator = " ";
  for (std::size_t i = 0; i < session_end_count; ++i) {
    if (counters.ended[i] == 0) continue;
    text.append("%s%llu %s", separator, base::wide(counters.ended[i]), text_of(static_cast<SessionEnd>(i)));
    separator = ", ";
  }
  if (*separator == ' ') text.append(" none");
  text.append("; %llu failed forks, %llu accept errors; %llu bytes in, %llu out",
              base::wide(counters.fork_failures()), base::wide(counters.accept_errors),
              base::wide(counters.bytes.in + sessions.bytes.in),
              base::wide(counters.bytes.out + sessions.bytes.out));
  return text;
}

}  // namespace tcpserver::server
