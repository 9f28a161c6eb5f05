#include "tcpserver/server/counters.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::server;

TEST(Counters, StatusTextHasEveryFigure) {
  Counters counters;
  EXPECT_STREQ(status_text(counters, {.open = 0, .most = 1000, .reaped = true, .bytes = {}}).c_str(),
               "0 of 1000 sessions open, 0 accepted, 0 refused, ended: none; 0 failed forks, 0 accept "
               "errors; 0 bytes in, 0 out");
  SessionRecord record{};
  record.in = 7;
  record.out = 5;
  counters.accepted = 4;
  counters.refuse({}, Refusal::fork_failed);
  counters.accept_errors = 2;
  counters.count_end(SessionEnd::client_closed, record);
  counters.count_end(SessionEnd::client_closed, record);
  counters.count_end(SessionEnd::killed, record);
  EXPECT_STREQ(
      status_text(counters, {.open = 1, .most = 9, .reaped = true, .bytes = {.in = 100, .out = 10}}).c_str(),
      "1 of 9 sessions open, 4 accepted, 1 refused (1 for want of a process), ended: 2 client closed, 1 "
      "killed; 1 failed forks, 2 "
      "accept errors; "
      "121 bytes in, 25 out");
  EXPECT_TRUE(std::string(status_text(counters, {.open = 3, .most = 9, .reaped = false, .bytes = {}}).c_str())
                  .starts_with("3 of 9 places taken, by zombies too, 4 accepted"));
}

TEST(Counters, StatusTextHasRoomForTheLargestFigures) {
  Counters counters;
  counters.accepted = counters.accept_errors = UINT64_MAX;
  counters.refused.fill(UINT64_MAX);
  counters.bytes = {.in = UINT64_MAX, .out = UINT64_MAX};
  counters.ended.fill(UINT64_MAX);
  const auto text =
      status_text(counters, {.open = UINT32_MAX, .most = UINT32_MAX, .reaped = false, .bytes = {}});
  EXPECT_TRUE(std::string(text.c_str()).ends_with(" bytes in, 18446744073709551615 out")) << text.c_str();
  EXPECT_LE(text.size(), 700U) << "room for what the server appends";
}

}  // namespace
