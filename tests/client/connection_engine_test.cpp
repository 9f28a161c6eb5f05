#include "tcpserver/client/connection_engine.hpp"

#include "tcpserver/base/signals.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <signal.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include <array>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::client;
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

class ConnectionEngineTest : public ::testing::Test {
 protected:
  std::vector<Ready> look() { return engine.wait(0s, none); }

  const sigset_t none = tcpserver::base::signal_set({});
  ConnectionEngine engine;
};

TEST_F(ConnectionEngineTest, TellsTheSlotsThatAreReadyAgainAndAgain) {
  Pair first;
  Pair second;
  ASSERT_TRUE(engine.watch(first.near.get(), 2, ConnectionEngine::Want::read));
  ASSERT_TRUE(engine.watch(second.near.get(), 0, ConnectionEngine::Want::read));
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

TEST_F(ConnectionEngineTest, TellsRoomToWriteWhereItIsWanted) {
  Pair pair;
  ASSERT_TRUE(engine.watch(pair.near.get(), 1, ConnectionEngine::Want::read_and_write));
  ASSERT_EQ(look().size(), 1U);
  EXPECT_TRUE(look()[0].writable);
  EXPECT_FALSE(look()[0].readable);
  ASSERT_TRUE(engine.change(pair.near.get(), 1, ConnectionEngine::Want::read));
  EXPECT_TRUE(look().empty());
}

TEST_F(ConnectionEngineTest, TellsTheEnd) {
  Pair pair;
  ASSERT_TRUE(engine.watch(pair.near.get(), 1, ConnectionEngine::Want::read));
  pair.far.reset();
  ASSERT_EQ(look().size(), 1U);
  EXPECT_TRUE(look()[0].readable);
}

TEST_F(ConnectionEngineTest, ForgetsWhatIsClosed) {
  Pair pair;
  ASSERT_TRUE(engine.watch(pair.near.get(), 1, ConnectionEngine::Want::read));
  ASSERT_EQ(::send(pair.far.get(), "x", 1, 0), 1);
  pair.near.reset();
  EXPECT_TRUE(look().empty());
}

TEST_F(ConnectionEngineTest, WaitsNoShorterThanItIsTold) {
  const auto before = tcpserver::base::Clock::now();
  EXPECT_TRUE(engine.wait(20ms, none).empty());
  EXPECT_GE(tcpserver::base::Clock::now() - before, 20ms);
}

TEST_F(ConnectionEngineTest, IsEndedByASignalThatTheMaskLetsIn) {
  static volatile sig_atomic_t heard = 0;
  const sigset_t blocked = tcpserver::base::signal_set({SIGUSR2});
  sigset_t before;
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  tcpserver::base::set_disposition(SIGUSR2, [](int) { heard = 1; });
  ::raise(SIGUSR2);
  EXPECT_TRUE(engine.wait(1ms, blocked).empty());
  EXPECT_EQ(heard, 0) << "blocked in the wait, too";
  EXPECT_TRUE(engine.wait(1h, none).empty());
  EXPECT_EQ(heard, 1);
  tcpserver::base::set_disposition(SIGUSR2, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace
