#include "tcpserver/server/report/counters.hpp"

#include "tcpserver/base/io.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace tcpserver::server {

namespace {

// Indexed by Refusal.
constexpr struct {
  const char* name;
  const char* text;
} refusals[refusal_count] = {{"max_connections", "at --max-connections"},
                             {"max_per_host", "at --max-per-host"},
                             {"no_descriptor", "out of descriptors"},
                             {"fork_failed", "fork failed"}};

}  // namespace

const char* describe_open(const OpenSessions& sessions) noexcept {
  return sessions.reaped ? "sessions open" : "slots in use (zombies included)";
}

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

void Counters::refuse(base::UniqueFd connection, Refusal reason) noexcept {
  base::close_with_reset(std::move(connection));
  ++refused[static_cast<std::size_t>(reason)];
}

std::uint64_t Counters::all_refused() const noexcept {
  return std::accumulate(refused.begin(), refused.end(), std::uint64_t{0});
}

std::uint64_t Counters::fork_failures() const noexcept {
  return refused[static_cast<std::size_t>(Refusal::fork_failed)];
}

const char* to_string(Refusal reason) noexcept {
  return refusals[static_cast<std::size_t>(reason)].name;
}

const char* describe(Refusal reason) noexcept {
  return refusals[static_cast<std::size_t>(reason)].text;
}

}  // namespace tcpserver::server
