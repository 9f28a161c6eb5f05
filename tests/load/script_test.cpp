#include "load/driver.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::load;
using namespace std::chrono_literals;

TEST(Script, OfShortConnectionsIsOneRoundEach) {
  const auto script = make_script({.connections = 500, .concurrency = 7, .size = 10});
  EXPECT_EQ(script.connections, 500U);
  EXPECT_EQ(script.open, 7U);
  EXPECT_EQ(script.busy, 7U);
  EXPECT_EQ(script.rounds, 1U);
  EXPECT_EQ(script.size, 10U);
  EXPECT_FALSE(script.until_end || script.hold || script.interval);
}

TEST(Script, OfHeldOnesIsTwoRoundsWithFewUnderWay) {
  const auto script =
      make_script({.mode = LoadMode::hold, .connections = 15000, .concurrency = 15000, .hold = 3s});
  EXPECT_EQ(script.open, 15000U);
  EXPECT_EQ(script.busy, 64U);
  EXPECT_EQ(script.rounds, 2U);
  EXPECT_EQ(script.hold, 3s);
}

TEST(Script, OfABulkStreamWantsTheEnd) {
  const auto script = make_script({.mode = LoadMode::bulk, .connections = 1, .concurrency = 1, .size = 1000});
  EXPECT_TRUE(script.until_end);
  EXPECT_FALSE(script.timed);
}

TEST(Script, OfARateHasAnInterval) {
  EXPECT_EQ(make_script({.rate = 500}).interval, 2ms);
  EXPECT_EQ(make_script({.rate = 0.5}).interval, 2s);
  EXPECT_EQ(make_script({.mode = LoadMode::ping, .round_trips = 9}).rounds, 9U);
}

}  // namespace
