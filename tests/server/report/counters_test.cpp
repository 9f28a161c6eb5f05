#include "tcpserver/server/report/counters.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;
using namespace std::chrono_literals;

TEST(Counters, CountAcceptErrorsByErrno) {
  Counters counters;
  for (const int error : {EMFILE, EMFILE, 1'000'000, -1}) counters.count_accept_error(error);
  EXPECT_EQ(counters.accept_errors, 4U);
  EXPECT_EQ(counters.accept_errors_by_errno[EMFILE], 2U);
  EXPECT_EQ(counters.accept_errors_by_errno[0], 2U) << "out of range";
}

TEST(DurationHistogram, CountsEachDurationInItsBucket) {
  DurationHistogram histogram;
  for (const Duration duration : {Duration(-1s), Duration(500us), 500us + 999ns, Duration(501us),
                                  Duration(1h), 1h + 1us + 0ns, Duration(24h * 365)}) {
    histogram.add(duration);
  }
  EXPECT_EQ(histogram.counts[0], 3U);
  EXPECT_EQ(histogram.counts[1], 1U);
  EXPECT_EQ(histogram.counts[histogram.bounds_us.size() - 1], 1U);
  EXPECT_EQ(histogram.counts.back(), 2U) << "above all bounds";
  EXPECT_EQ(histogram.sum_us, 500U + 500 + 501 + 2 * 3'600'000'000ULL + 1 + 31'536'000'000'000ULL);
}

}  // namespace
