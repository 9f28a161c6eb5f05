#include "server/child/reaper.hpp"

#include "tcpserver/base/process.hpp"
#include "tcpserver/base/signals.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;
using tcpserver::base::Clock;

class ReaperTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t count = 200;

  void SetUp() override {
    // Block SIGTERM before the fork, because it would kill a child that has not run yet.
    ::sigprocmask(SIG_BLOCK, &order_, &mask_before_);
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto slot = slots_.take();
      auto& record = scoreboard_.clean(slot);
      const pid_t pid = ::fork();
      ASSERT_GE(pid, 0);
      if (pid == 0) wait_for_order(record);
      slots_.enter(slot, pid, SessionFacts{});
      pids_.push_back(pid);
    }
    ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
    // The first call always sweeps, which delays the next sweep.
    end(0, SIGTERM);
    ASSERT_EQ(reaper_.collect(), 1U);
  }
  void TearDown() override {
    for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
    while (::waitpid(-1, nullptr, 0) > 0) {
    }
  }

  // SIGTERM makes a child announce its end, SIGKILL does not. Returns once it is a zombie.
  void end(std::size_t which, int signal) {
    ::kill(pids_[which], signal);
    siginfo_t ended{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pids_[which]), &ended, WEXITED | WNOWAIT), 0);
  }

  std::vector<int> collect() {
    std::vector<int> statuses;
    while (const auto slot = slots_.next_ended()) {
      statuses.push_back(slots_[*slot].wait_status);
      slots_.release(*slot);
    }
    return statuses;
  }

  SlotTable slots_{count};
  Scoreboard scoreboard_{count};
  Reaper reaper_{slots_, scoreboard_};
  std::vector<pid_t> pids_;

 private:
  const sigset_t order_ = tcpserver::base::signal_set({SIGTERM});
  sigset_t mask_before_{};

  [[noreturn]] void wait_for_order(SessionRecord& record) const {
    int signal = 0;
    ::sigwait(&order_, &signal);
    ScoreboardPage::announce_end(record);
    ::_exit(7);
  }
};

TEST_F(ReaperTest, ReapsChildrenThatAnnouncedTheirEnd) {
  static_cast<void>(collect());
  for (const std::size_t which : {10U, 70U, 199U}) end(which, SIGTERM);
  EXPECT_EQ(reaper_.collect(), 3U);
  const auto statuses = collect();
  ASSERT_EQ(statuses.size(), 3U);
  for (const int status : statuses) EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), 0) << "no zombie is left";
}

TEST_F(ReaperTest, SweepsIfNoEndWasAnnounced) {
  end(20, SIGKILL);
  EXPECT_EQ(reaper_.collect(), 1U);
}

TEST_F(ReaperTest, SweepsLaterIfSomeEndsWereAnnounced) {
  static_cast<void>(collect());
  end(20, SIGKILL);
  end(21, SIGTERM);
  auto reaped = reaper_.collect();
  EXPECT_GE(reaped, 1U);
  if (reaped == 1) {  // otherwise the machine was so slow that the sweep was due
    ASSERT_TRUE(reaper_.due());
    std::this_thread::sleep_until(*reaper_.due());
    reaped += reaper_.collect();
  }
  EXPECT_EQ(reaped, 2U);
  EXPECT_FALSE(reaper_.due());
}

// The end of a child must not count for the next child of its slot.
TEST_F(ReaperTest, ForgetsAnEndBeforeTheNextChild) {
  static_cast<void>(collect());
  end(30, SIGTERM);
  ASSERT_EQ(reaper_.collect(), 1U);
  static_cast<void>(collect());
  const auto slot = slots_.take();
  ASSERT_EQ(slot, 30U);
  static_cast<void>(scoreboard_.clean(slot));
  bool any = false;
  scoreboard_.for_each_ended(slots_.used(), [&](SlotHint ended) { any = any || ended.value == slot; });
  EXPECT_FALSE(any);
}

// A child can write to every page of the scoreboard. Only bits of children that have ended may count.
TEST_F(ReaperTest, IgnoresForgedBits) {
  static_cast<void>(collect());
  end(40, SIGTERM);
  for (std::uint32_t slot = 0; slot < count; slot += ScoreboardPage::record_count) {
    ScoreboardPage::containing(scoreboard_[slot]).ended.store(~std::uint64_t{0});
  }
  EXPECT_EQ(reaper_.collect(), 1U);
  EXPECT_EQ(collect().size(), 1U);
  EXPECT_EQ(slots_.in_use(), count - 2) << "SetUp ended one, this test another";
  scoreboard_.for_each_ended(slots_.used(), [&](SlotHint hint) { EXPECT_LT(hint.value, count); });
}

TEST_F(ReaperTest, OnceReapsOneChildPerCallUntilReapAll) {
  Reaper once(slots_, scoreboard_, Reap::once);
  for (const std::size_t which : {50U, 51U, 52U}) end(which, SIGTERM);
  EXPECT_EQ(once.collect(), 1U);
  EXPECT_FALSE(once.due()) << "zombies wait for the next signal";
  once.reap_all();
  EXPECT_EQ(once.collect(), 2U);
}

}  // namespace
