#include "tcpserver/base/clock.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace std::chrono_literals;

TEST(Clock, ConvertsToTimespec) {
  const auto spec = to_timespec(2500ms);
  EXPECT_EQ(spec.tv_sec, 2);
  EXPECT_EQ(spec.tv_nsec, 500'000'000);
  EXPECT_EQ(to_timespec(-1s).tv_sec, 0);
}

TEST(Clock, RoundsTimevalUpSoThatATimeOutNeverMeansNever) {
  EXPECT_EQ(to_timeval(1ns).tv_usec, 1);
  EXPECT_EQ(to_timeval(0ns).tv_usec, 0);
  const auto almost_a_second = to_timeval(999'999'999ns);
  EXPECT_EQ(almost_a_second.tv_sec, 1);
  EXPECT_EQ(almost_a_second.tv_usec, 0);
}

TEST(Clock, TimeLeftIsNeverNegative) {
  EXPECT_EQ(time_left(Clock::now() - 1h), Duration::zero());
  EXPECT_GT(time_left(Clock::now() + 1h), 59min);
  EXPECT_FALSE(time_left(std::nullopt).has_value());
}

}  // namespace
