#include "load/latency_histogram.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace {

using tcpserver::base::Duration;
using tcpserver::load::LatencyHistogram;

// The upper end of the bucket in which a time is counted.
Duration counted_as(std::int64_t nanoseconds) {
  LatencyHistogram histogram;
  histogram.record(Duration(nanoseconds));
  return histogram.buckets().at(0).upper;
}

TEST(LatencyHistogram, IsExactForShortTimes) {
  for (std::int64_t time = 0; time < 256; ++time) EXPECT_EQ(counted_as(time), Duration(time));
}

TEST(LatencyHistogram, IsNeverTooShortAndLessThanOnePercentTooLong) {
  for (double value = 200; value < 9e18; value *= 1.0137) {
    const auto time = static_cast<std::int64_t>(value);
    const auto upper = counted_as(time).count();
    EXPECT_GE(upper, time);
    EXPECT_LE(static_cast<double>(upper - time), static_cast<double>(time) / 128) << time;
  }
}

TEST(LatencyHistogram, CountsTheBordersOfABucketInIt) {
  for (unsigned shift = 8; shift < 62; ++shift) {
    const std::int64_t border = std::int64_t{1} << shift;
    EXPECT_EQ(counted_as(border - 1), Duration(border - 1)) << shift;
    EXPECT_EQ(counted_as(border), Duration(border + (border >> 7) - 1)) << shift;
  }
}

TEST(LatencyHistogram, TakesAnyTime) {
  LatencyHistogram histogram;
  histogram.record(Duration(-5));
  histogram.record(Duration(std::numeric_limits<std::int64_t>::max()));
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.quantile(0), Duration(0)) << "below zero is zero";
  EXPECT_EQ(histogram.quantile(1), Duration(std::numeric_limits<std::int64_t>::max()));
  EXPECT_EQ(histogram.longest(), Duration(std::numeric_limits<std::int64_t>::max()));
}

TEST(LatencyHistogram, HasTheQuantilesOfItsTimes) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.record(std::chrono::microseconds(i));
  for (const double share : {0.5, 0.9, 0.99, 0.999}) {
    const auto found = static_cast<double>(histogram.quantile(share).count());
    EXPECT_GE(found, share * 1e6) << share;
    EXPECT_LE(found, share * 1e6 * (1 + 1.0 / 128)) << share;
  }
  EXPECT_EQ(histogram.quantile(1), std::chrono::microseconds(1000)) << "the longest is exact";
}

TEST(LatencyHistogram, OfASingleTimeIsThatTimeThroughout) {
  LatencyHistogram histogram;
  histogram.record(Duration(123'456'789));
  for (const double share : {0.0, 0.5, 0.999, 1.0}) {
    EXPECT_EQ(histogram.quantile(share), Duration(123'456'789));
  }
}

TEST(LatencyHistogram, ListsWhatIsNotEmpty) {
  LatencyHistogram histogram;
  EXPECT_TRUE(histogram.buckets().empty());
  for (int i = 0; i < 3; ++i) histogram.record(Duration(5));
  histogram.record(Duration(1000));
  const auto buckets = histogram.buckets();
  ASSERT_EQ(buckets.size(), 2U);
  EXPECT_EQ(buckets[0].upper, Duration(5));
  EXPECT_EQ(buckets[0].count, 3U);
  EXPECT_EQ(buckets[1].count, 1U);
}

}  // namespace
