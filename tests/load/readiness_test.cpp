#include "load/readiness.hpp"

#include "tcpserver/base/signals.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <signal.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include <array>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::load;
using namespace std::chrono_literals;
using tcpserver::base::UniqueFd;

struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    near = UniqueFd(ends[0]);
    far = UniqueFd(ends[1]);
  }
  UniqueFd near;
  UniqueFd far;
};

class ReadinessTest : public ::testing::Test {
 protected:
  std::vector<Ready> look() { return readiness.wait(0s, none); }

  const sigset_t none = tcpserver::base::signal_set({});
  Readiness readiness{3};
};

TEST_F(ReadinessTest, TellsTheSlotsThatAreReadyAgainAndAgain) {
  Pair first;
  Pair second;
  ASSERT_TRUE(readiness.watch(first.near.get(), 2, Readiness::Want::read));
  ASSERT_TRUE(readiness.watch(second.near.get(), 0, Readiness::Want::read));
  EXPECT_TRUE(look().empty());
  ASSERT_EQ(::send(first.far.get(), "x", 1, 0), 1);
  for (int i = 0; i < 2; ++i) {
    const auto ready = look();
    ASSERT_EQ(ready.size(), 1U);
    EXPECT_EQ(ready[0].slot, 2U);
    EXPECT_TRUE(ready[0].readable);
    EXPECT_FALSE(ready[0].writable);
  }
}

TEST_F(ReadinessTest, TellsRoomToWriteWhereItIsWanted) {
  Pair pair;
  ASSERT_TRUE(readiness.watch(pair.near.get(), 1, Readiness::Want::read_and_write));
  ASSERT_EQ(look().size(), 1U);
  EXPECT_TRUE(look()[0].writable);
  EXPECT_FALSE(look()[0].readable);
  ASSERT_TRUE(readiness.change(pair.near.get(), 1, Readiness::Want::read));
  EXPECT_TRUE(look().empty());
}

TEST_F(ReadinessTest, TellsTheEnd) {
  Pair pair;
  ASSERT_TRUE(readiness.watch(pair.near.get(), 1, Readiness::Want::read));
  pair.far.reset();
  ASSERT_EQ(look().size(), 1U);
  EXPECT_TRUE(look()[0].readable);
}

TEST_F(ReadinessTest, ForgetsWhatIsClosed) {
  Pair pair;
  ASSERT_TRUE(readiness.watch(pair.near.get(), 1, Readiness::Want::read));
  ASSERT_EQ(::send(pair.far.get(), "x", 1, 0), 1);
  readiness.forget(1);
  pair.near.reset();
  EXPECT_TRUE(look().empty());
}

TEST_F(ReadinessTest, WaitsNoShorterThanItIsTold) {
  const auto before = tcpserver::base::Clock::now();
  EXPECT_TRUE(readiness.wait(20ms, none).empty());
  EXPECT_GE(tcpserver::base::Clock::now() - before, 20ms);
}

TEST_F(ReadinessTest, IsEndedByASignalThatTheMaskLetsIn) {
  static volatile sig_atomic_t heard = 0;
  const sigset_t blocked = tcpserver::base::signal_set({SIGUSR2});
  sigset_t before;
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  tcpserver::base::set_disposition(SIGUSR2, [](int) { heard = 1; });
  ::raise(SIGUSR2);
  EXPECT_TRUE(readiness.wait(1ms, blocked).empty());
  EXPECT_EQ(heard, 0) << "blocked in the wait, too";
  EXPECT_TRUE(readiness.wait(1h, none).empty());
  EXPECT_EQ(heard, 1);
  tcpserver::base::set_disposition(SIGUSR2, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace
