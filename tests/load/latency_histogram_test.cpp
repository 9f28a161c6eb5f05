#include "load/latency_histogram.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <limits>

namespace {

using tcpserver::base::Duration;
using tcpserver::load::draw_chart;
using tcpserver::load::LatencyHistogram;
using namespace std::chrono_literals;

// Returns the upper end of the bucket that counts this time.
Duration counted_as(std::int64_t nanoseconds) {
  LatencyHistogram histogram;
  histogram.record(Duration(nanoseconds));
  return histogram.buckets().at(0).upper;
}

TEST(LatencyHistogram, IsExactForShortTimes) {
  for (std::int64_t time = 0; time < 256; ++time) EXPECT_EQ(counted_as(time), Duration(time));
}

TEST(LatencyHistogram, RoundsUpByLessThanOnePercent) {
  for (double value = 200; value < 9e18; value *= 1.0137) {
    const auto time = static_cast<std::int64_t>(value);
    const auto upper = counted_as(time).count();
    EXPECT_GE(upper, time);
    EXPECT_LE(static_cast<double>(upper - time), static_cast<double>(time) / 128) << time;
  }
}

TEST(LatencyHistogram, BucketsIncludeTheirBounds) {
  for (unsigned shift = 8; shift < 62; ++shift) {
    const std::int64_t border = std::int64_t{1} << shift;
    EXPECT_EQ(counted_as(border - 1), Duration(border - 1)) << shift;
    EXPECT_EQ(counted_as(border), Duration(border + (border >> 7) - 1)) << shift;
  }
}

TEST(LatencyHistogram, AcceptsAnyTime) {
  LatencyHistogram histogram;
  histogram.record(Duration(-5));
  histogram.record(Duration(std::numeric_limits<std::int64_t>::max()));
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.quantile(0), Duration(0)) << "a negative time counts as zero";
  EXPECT_EQ(histogram.quantile(1), Duration(std::numeric_limits<std::int64_t>::max()));
  EXPECT_EQ(histogram.longest(), Duration(std::numeric_limits<std::int64_t>::max()));
}

TEST(LatencyHistogram, ComputesQuantiles) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.record(std::chrono::microseconds(i));
  for (const double share : {0.5, 0.9, 0.99, 0.999}) {
    const auto found = static_cast<double>(histogram.quantile(share).count());
    EXPECT_GE(found, share * 1e6) << share;
    EXPECT_LE(found, share * 1e6 * (1 + 1.0 / 128)) << share;
  }
  EXPECT_EQ(histogram.quantile(1), std::chrono::microseconds(1000)) << "the longest is exact";
}

LatencyHistogram make_histogram(std::initializer_list<Duration> times) {
  LatencyHistogram histogram;
  for (const auto time : times) histogram.record(time);
  return histogram;
}

TEST(LatencyHistogram, ListsNonEmptyBuckets) {
  const auto buckets = make_histogram({5ns, 5ns, 5ns, 1us}).buckets();
  ASSERT_EQ(buckets.size(), 2U);
  EXPECT_EQ(buckets[0].upper, 5ns);
  EXPECT_EQ(buckets[0].count, 3U);
  EXPECT_EQ(buckets[1].count, 1U);
}

TEST(LatencyChart, HasARowForEachStepAndABarForEachCount) {
  const auto lines = draw_chart(make_histogram({90us, 90us, 90us, 90us, 190us, 390us}), 40, false);
  ASSERT_EQ(lines.size(), 8U);
  EXPECT_EQ(lines[0], "     up to      count");
  EXPECT_EQ(lines[1], "    100 us          4 #################");
  EXPECT_EQ(lines[2], "    120 us          0");
  EXPECT_EQ(lines[4], "    200 us          1 ####");
  EXPECT_EQ(lines[7], "    400 us          1 ####");
  EXPECT_TRUE(draw_chart({}, 80, true).empty());
  EXPECT_NE(draw_chart(make_histogram({90us}), 80, false)[0].find("logarithmic"), std::string::npos);
  const auto coloured = draw_chart(make_histogram({90us}), 80, true);
  ASSERT_EQ(coloured.size(), 2U);
  EXPECT_NE(coloured[1].find("\x1b[36m##"), std::string::npos);
  EXPECT_TRUE(coloured[1].ends_with("\x1b[0m"));
}

TEST(LatencyChart, CountsEveryTimeAndFitsTheWidth) {
  LatencyHistogram histogram;
  for (double time = 1; time < 1e12; time *= 1.31) {
    histogram.record(std::chrono::nanoseconds(static_cast<std::int64_t>(time)));
  }
  for (const std::size_t columns : {30U, 80U, 200U}) {
    const auto lines = draw_chart(histogram, columns, false);
    std::uint64_t sum = 0;  // of "    300 us         12 ####"
    for (const auto& line : lines) {
      sum += std::strtoull(line.substr(10).c_str(), nullptr, 10);
      EXPECT_LT(line.size(), columns) << line;
    }
    EXPECT_EQ(sum, histogram.count());
    EXPECT_LE(lines.size(), 21U);
  }
}

}  // namespace
