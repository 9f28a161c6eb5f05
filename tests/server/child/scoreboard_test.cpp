#include "server/child/scoreboard.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <set>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;

TEST(Scoreboard, GrowsWithoutMovingARecord) {
  Scoreboard board(ScoreboardPage::record_count - 1);  // one page, so that a write beyond it faults
  SessionRecord* const first = &board[0];
  SessionRecord* const last = &board[ScoreboardPage::record_count - 1];
  board.reserve(128);
  board.reserve(2);
  board.reserve(1000);
  EXPECT_EQ(&board[0], first);
  EXPECT_EQ(&board[ScoreboardPage::record_count - 1], last);
  std::set<SessionRecord*> records;
  for (std::uint32_t slot = 0; slot < 1000; ++slot) {
    board[slot].in = slot;
    records.insert(&board[slot]);
  }
  EXPECT_EQ(records.size(), 1000U) << "two slots have the same record";
  for (std::uint32_t slot = 0; slot < 1000; ++slot) EXPECT_EQ(board[slot].in, slot);
}

TEST(Scoreboard, KeepsRecordsWhileItGrows) {
  Scoreboard board(1);
  int go[2];
  ASSERT_EQ(::pipe(go), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(go[1]);
    char byte = 0;
    static_cast<void>(!::read(go[0], &byte, 1));  // blocks until the parent's board has grown
    board[0].out = 7;
    ::_exit(0);
  }
  board.reserve(100);
  ::close(go[1]);
  ::close(go[0]);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(board[0].out, 7U);
}

}  // namespace
