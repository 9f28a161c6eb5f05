#include "tcpserver/server/report/counters.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;
using namespace std::chrono_literals;

TEST(Counters, StatusTextHasEveryCounter) {
  Counters counters;
  EXPECT_STREQ(status_text(counters, {.open = 0, .most = 1000}).c_str(),
               "0 of 1000 sessions open, 0 accepted, 0 refused, ended: none; 0 failed forks, 0 accept "
               "errors; 0 bytes in, 0 out");
  constexpr ByteCount bytes{.in = 7, .out = 5};
  counters.accepted = 4;
  counters.refuse({}, Refusal::fork_failed);
  counters.accept_errors = 2;
  counters.count_end(SessionEnd::client_closed, bytes, 1ms);
  counters.count_end(SessionEnd::client_closed, bytes, 2ms);
  counters.count_end(SessionEnd::killed, bytes, 3s);
  EXPECT_STREQ(
      status_text(counters, {.open = 1, .most = 9, .bytes = {.in = 100, .out = 10}}).c_str(),
      "1 of 9 sessions open, 4 accepted, 1 refused (1 for want of a process), ended: 2 client closed, 1 "
      "killed; 1 failed forks, 2 accept errors; 121 bytes in, 25 out");
  EXPECT_TRUE(std::string(status_text(counters, {.open = 3, .most = 9, .reaped = false}).c_str())
                  .starts_with("3 of 9 places taken, by zombies too, 4 accepted"));
}

TEST(Counters, StatusTextFitsTheLargestCounters) {
  Counters counters;
  counters.accepted = counters.accept_errors = UINT64_MAX;
  counters.refused.fill(UINT64_MAX);
  counters.bytes = {.in = UINT64_MAX, .out = UINT64_MAX};
  counters.ended.fill(UINT64_MAX);
  const auto text = status_text(counters, {.open = UINT32_MAX, .most = UINT32_MAX, .reaped = false});
  EXPECT_TRUE(std::string(text.c_str()).ends_with(" bytes in, 18446744073709551615 out")) << text.c_str();
  EXPECT_LE(text.size(), 700U) << "room for what the server appends";
}

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
