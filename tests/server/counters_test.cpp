#include "tcpserver/server/counters.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::server;

TEST(Counters, StatusTextHasEveryFigure) {
  Counters counters;
  EXPECT_EQ(
      status_text(counters, 0, 1000),
      "0 of 1000 sessions open, 0 accepted, ended: none; 0 failed forks, 0 accept errors; 0 bytes in, 0 out");
  SessionBytes bytes{};
  bytes.in = 7;
  bytes.out = 5;
  counters.accepted = 4;
  counters.fork_failures = 1;
  counters.accept_errors = 2;
  counters.count_end(SessionEnd::client_closed, bytes);
  counters.count_end(SessionEnd::client_closed, bytes);
  counters.count_end(SessionEnd::killed, bytes);
  EXPECT_EQ(
      status_text(counters, 1, 9),
      "1 of 9 sessions open, 4 accepted, ended: 2 client closed, 1 killed; 1 failed forks, 2 accept errors; "
      "21 bytes in, 15 out");
}

}  // namespace
