#include "backlog/sizing.hpp"

#include <algorithm>
#include <cmath>

namespace tcpserver::backlog {

namespace {

// The length that an M/M/1 queue exceeds with this probability.
double rarely_exceeded(double utilization) {
  constexpr double rare = 1e-6;
  if (utilization <= 0) return 0;
  if (utilization >= 1) return most_counted;
  return std::log(rare) / std::log(utilization);
}

}  // namespace

double round_up(double value) noexcept {
  return std::ceil(value - std::min(value * 1e-12, 1e-3));
}

Sizing size_backlog(const Load& load) {
  Sizing sizing;
  sizing.capacity = 1 / load.accept_time;
  sizing.carried = load.rate < sizing.capacity;
  if (!sizing.carried) return sizing;

  const double excess = std::max(0.0, load.burst - sizing.capacity);
  sizing.growth = std::min(excess * load.burst_length, most_counted);
  sizing.with_headroom = std::min(sizing.growth * load.headroom, most_counted);

  double burst_by_chance = sizing.growth + 3 * std::sqrt(load.burst * load.burst_length);
  if (excess == 0) {
    burst_by_chance = std::min(burst_by_chance, rarely_exceeded(load.burst / sizing.capacity));
  }
  sizing.by_chance = std::max(rarely_exceeded(load.rate / sizing.capacity), burst_by_chance);
  sizing.backlog = std::max({1.0, round_up(sizing.with_headroom), round_up(sizing.by_chance)});
  sizing.backlog = std::min(sizing.backlog, most_counted);
  sizing.longest_wait = sizing.growth / sizing.capacity;
  sizing.empty_after = sizing.growth / (sizing.capacity - load.rate);
  return sizing;
}

}  // namespace tcpserver::backlog
