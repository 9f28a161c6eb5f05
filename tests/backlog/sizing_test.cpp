#include "backlog/sizing.hpp"

#include "harness/text.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <queue>
#include <random>
#include <vector>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::backlog;

// This is the example in the manual.
constexpr Load example{
    .rate = 1000, .burst = 3000, .accept_time = 0.0008, .burst_length = 1, .headroom = 1.5};

std::string to_json(const Load& load, const Sizing& sizing) {
  std::string text;
  tcpserver::base::JsonWriter json(text);
  json.begin_object();
  write_sizing(json, load, sizing, {}, 4096);
  json.end_object();
  return text;
}

TEST(Sizing, CalculatesTheExampleOfTheManual) {
  const auto sizing = size_backlog(example);
  EXPECT_DOUBLE_EQ(sizing.capacity, 1250);
  EXPECT_TRUE(sizing.carried);
  EXPECT_DOUBLE_EQ(sizing.growth, 1750);
  EXPECT_DOUBLE_EQ(sizing.with_headroom, 2625);
  EXPECT_EQ(sizing.backlog, 2625);
  EXPECT_DOUBLE_EQ(sizing.longest_wait, 1.4);
  EXPECT_DOUBLE_EQ(sizing.empty_after, 7);
}

TEST(Sizing, NamesTheSystemLimitThatIsTooLow) {
  const auto sizing = size_backlog(example);
  const auto text = [&](std::uint64_t somaxconn, int largest) {
    return format_sizing(example, sizing, somaxconn, largest);
  };
  const std::string raise = "sysctl -w net.core.somaxconn=2625";
  const std::string clamp = "above SOMAXCONN";
  EXPECT_FALSE(contains(text(2625, 2625), "too low"));
  EXPECT_TRUE(contains(text(2624, 4096), raise));
  EXPECT_FALSE(contains(text(2624, 4096), clamp));
  EXPECT_TRUE(contains(text(4096, 128), clamp));
  EXPECT_TRUE(contains(text(4096, 128), "--backlog max"));
  EXPECT_FALSE(contains(text(4096, 128), raise));
  EXPECT_TRUE(contains(text(64, 128), raise)) << "the limit that --backlog max needs";
  EXPECT_TRUE(contains(text(64, 128), clamp));
}

TEST(Sizing, ReportsThatNoBacklogHelps) {
  for (const double rate : {1250.0, 1250.1, 1e9}) {
    auto load = example;
    load.rate = load.burst = rate;
    const auto sizing = size_backlog(load);
    EXPECT_FALSE(sizing.carried) << rate;
    EXPECT_TRUE(contains(format_sizing(load, sizing, {}, 4096), "no backlog helps"));
    EXPECT_TRUE(contains(to_json(load, sizing), "\"backlog\": null"));
  }
}

TEST(Sizing, NeedsOnePlaceWithoutClients) {
  auto load = example;
  load.rate = load.burst = 0;
  const auto sizing = size_backlog(load);
  EXPECT_EQ(sizing.backlog, 1);
  EXPECT_EQ(sizing.growth, 0);
  load.burst = 3000;
  EXPECT_EQ(size_backlog(load).backlog, 2625);
}

// Checks the extreme values that the options allow.
TEST(Sizing, StaysFiniteForExtremeLoads) {
  for (const double rate : {0.0, 1e-9, 1.0, 1e9}) {
    for (const double burst : {rate, 1e9}) {
      for (const double accept_time : {1e-9, 1e-3, 31536000.0}) {
        for (const double length : {1e-9, 1.0, 31536000.0}) {
          for (const double headroom : {1.0, 1000.0}) {
            const Load load{rate, burst, accept_time, length, headroom};
            const auto sizing = size_backlog(load);
            for (const double value : {sizing.capacity, sizing.growth, sizing.with_headroom, sizing.by_chance,
                                       sizing.backlog, sizing.longest_wait, sizing.empty_after}) {
              EXPECT_TRUE(std::isfinite(value));
              EXPECT_GE(value, 0);
            }
            EXPECT_EQ(sizing.carried, sizing.backlog >= 1);
            EXPECT_EQ(sizing.backlog, std::floor(sizing.backlog));
            for (const auto& text : {format_sizing(load, sizing, {}, 4096), to_json(load, sizing)}) {
              EXPECT_FALSE(contains(text, "inf"));
              EXPECT_FALSE(contains(text, "nan"));
            }
          }
        }
      }
    }
  }
}

// Returns when the next client arrives. The rate is that of the burst between `from` and `to`. The client
// arrives when the rate has produced `clients` clients since `now`: always 1 for even arrivals, random
// otherwise.
double next_arrival(const Load& load, double now, double from, double to, double clients) {
  for (;;) {
    const bool in_burst = now >= from && now < to;
    const double rate = in_burst ? load.burst : load.rate;
    const double next = now + clients / rate;
    const double border = in_burst ? to : from;
    if (now >= to || next < border) return next;
    clients -= (border - now) * rate;
    now = border;
  }
}

// Simulates a listen queue client by client. The server accepts one client per accept_time.
struct Simulated {
  std::size_t longest = 0;
  double empty_after = 0;  // seconds from the end of the burst until the queue was empty
};

template <typename Clients>
Simulated simulate(const Load& load, Clients clients) {
  constexpr double from = 1;
  const double to = from + load.burst_length;
  const double end = to + 2 * size_backlog(load).empty_after + 1;
  std::queue<double> accepted_at;  // for each waiting client
  Simulated result;
  double server_free = 0;
  for (double now = 0; now < end; now = next_arrival(load, now, from, to, clients())) {
    while (!accepted_at.empty() && accepted_at.front() <= now) accepted_at.pop();
    if (now > to && accepted_at.empty() && result.empty_after == 0) result.empty_after = now - to;
    const double accepted = std::max(now, server_free);
    server_free = accepted + load.accept_time;
    if (accepted > now) accepted_at.push(accepted);
    result.longest = std::max(result.longest, accepted_at.size());
  }
  return result;
}

const std::vector<Load> loads{
    example,
    {.rate = 10, .burst = 5000, .accept_time = 0.001, .burst_length = 0.5, .headroom = 1.5},
    {.rate = 900, .burst = 1300, .accept_time = 0.001, .burst_length = 2, .headroom = 1},
    {.rate = 100, .burst = 110, .accept_time = 0.0091, .burst_length = 30, .headroom = 2},
};

TEST(Sizing, AgreesWithASimulatedQueue) {
  for (const auto& load : loads) {
    const auto sizing = size_backlog(load);
    const auto seen = simulate(load, [] { return 1.0; });
    EXPECT_NEAR(static_cast<double>(seen.longest), sizing.growth, 2);
    EXPECT_NEAR(seen.empty_after, sizing.empty_after, 2 / load.rate + 2 / (sizing.capacity - load.rate));
    EXPECT_LE(static_cast<double>(seen.longest), sizing.backlog + 1);
  }
}

// With random arrivals and no headroom, at most one burst in a hundred may overflow.
TEST(Sizing, HoldsForRandomArrivals) {
  std::mt19937_64 random(20240229);
  std::exponential_distribution<double> clients(1);
  for (auto load : loads) {
    load.headroom = 1;
    const auto sizing = size_backlog(load);
    constexpr int bursts = 300;
    int overflows = 0;
    int above_mean = 0;
    for (int i = 0; i < bursts; ++i) {
      const auto seen = simulate(load, [&] { return clients(random); });
      overflows += static_cast<double>(seen.longest) > sizing.backlog + 1 ? 1 : 0;
      above_mean += static_cast<double>(seen.longest) > sizing.growth ? 1 : 0;
    }
    EXPECT_LE(overflows, bursts / 100) << "backlog " << sizing.backlog;
    EXPECT_GT(above_mean, bursts / 4) << "the arrivals were not random, so this test cannot fail";
  }
}

// Even without a burst, a nearly saturated server sometimes has a long queue.
TEST(Sizing, HoldsForRandomArrivalsWithoutABurst) {
  std::mt19937_64 random(20240229);
  std::exponential_distribution<double> clients(1);
  const Load load{.rate = 990, .burst = 990, .accept_time = 0.001, .burst_length = 1000, .headroom = 1};
  const auto sizing =
      size_backlog({.rate = 990, .burst = 990, .accept_time = 0.001, .burst_length = 1, .headroom = 1});
  EXPECT_EQ(sizing.growth, 0);
  const auto seen = simulate(load, [&] { return clients(random); });
  EXPECT_LE(static_cast<double>(seen.longest), sizing.backlog + 1);
  EXPECT_GT(static_cast<double>(seen.longest), 3 * std::sqrt(990.0))
      << "more than three standard deviations of one second";
}

}  // namespace
