#include "load/latency_histogram.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::load;
using namespace std::chrono_literals;

LatencyHistogram of(std::initializer_list<std::chrono::nanoseconds> times) {
  LatencyHistogram histogram;
  for (const auto time : times) histogram.record(time);
  return histogram;
}

// "    300 us         12 ####"
std::uint64_t sum_of_counts(const std::vector<std::string>& lines) {
  std::uint64_t sum = 0;
  for (std::size_t i = 1; i < lines.size(); ++i)
    sum += std::strtoull(lines[i].substr(10).c_str(), nullptr, 10);
  return sum;
}

TEST(Chart, HasARowForEachStepAndABarForEachCount) {
  const auto lines = chart(of({90us, 90us, 90us, 90us, 190us, 390us}), 40, false);
  ASSERT_EQ(lines.size(), 8U);
  EXPECT_EQ(lines[0], "     up to      count");
  EXPECT_EQ(lines[1], "    100 us          4 #################");
  EXPECT_EQ(lines[2], "    120 us          0");
  EXPECT_EQ(lines[3], "    150 us          0");
  EXPECT_EQ(lines[4], "    200 us          1 ####");
  EXPECT_EQ(lines[7], "    400 us          1 ####");
}

TEST(Chart, LosesNoneAndFitsTheWidth) {
  LatencyHistogram histogram;
  std::uint64_t count = 0;
  for (double time = 1; time < 1e12; time *= 1.31, ++count) {
    histogram.record(std::chrono::nanoseconds(static_cast<std::int64_t>(time)));
  }
  for (const std::size_t columns : {30U, 80U, 200U}) {
    const auto lines = chart(histogram, columns, false);
    EXPECT_EQ(sum_of_counts(lines), count);
    EXPECT_LE(lines.size(), 21U);
    for (const auto& line : lines) EXPECT_LT(line.size(), columns) << line;
  }
}

TEST(Chart, OfNothingIsNothing) {
  EXPECT_TRUE(chart({}, 80, true).empty());
}

TEST(Chart, HasColoursWhereTheyAreWanted) {
  const auto coloured = chart(of({90us}), 80, true);
  ASSERT_EQ(coloured.size(), 2U);
  EXPECT_NE(coloured[1].find("\x1b[36m##"), std::string::npos);
  EXPECT_TRUE(coloured[1].ends_with("\x1b[0m"));
}

}  // namespace
