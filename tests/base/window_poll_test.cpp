#include "tcpserver/posix/window_poll.hpp"

#include "tcpserver/posix/signals.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace {

using namespace tcpserver::posix;
using namespace std::chrono_literals;

bool never() noexcept {
  return false;
}
bool always() noexcept {
  return true;
}
// As by a handler that runs when the look is over, and the wait has not begun.
bool not_yet() noexcept {
  end_window_poll();
  return false;
}

TEST(WindowPoll, WaitsForItsTime) {
  const auto begin = Clock::now();
  EXPECT_EQ(window_poll({}, 20ms, signal_set({}), never), 0);
  EXPECT_GE(Clock::now() - begin, 20ms);
}

TEST(WindowPoll, DoesNotWaitWhenItIsOverBefore) {
  EXPECT_EQ(window_poll({}, 24h, signal_set({}), always), 0);
}

TEST(WindowPoll, IsEndedBeforeItBegins) {
  if (!window_poll_can_be_ended) GTEST_SKIP() << "not here: signals stay blocked until it begins";
  EXPECT_EQ(window_poll({}, 24h, signal_set({}), not_yet), 0);
}

TEST(WindowPoll, OpensTheMask) {
  set_signal_mask(signal_set({SIGUSR2}));
  set_disposition(SIGUSR2, [](int) {});
  ::raise(SIGUSR2);
  EXPECT_EQ(window_poll({}, 24h, signal_set({}), never), -1);
  EXPECT_EQ(errno, EINTR);
  set_signal_mask(signal_set({}));
}

}  // namespace
