#include "tcpserver/posix/life_line.hpp"

#include "tcpserver/posix/mapping.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::posix;

TEST(LifeLine, IsCutByTheDeathOfWhoTiedIt) {
  const Mapping memory(Mapping::Kind::shared, 2 * sizeof(LifeLine));
  auto* const lines = static_cast<LifeLine*>(memory.data());
  EXPECT_EQ(lines[0].state(), LifeLine::State::untied);
  int tied[2];
  ASSERT_EQ(::pipe(tied), 0);
  const pid_t owner = ::fork();
  if (owner == 0) {
    lines[0].tie();
    lines[1].tie();
    static_cast<void>(!::write(tied[1], "x", 1));
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(tied[0], &byte, 1), 1);
  ::close(tied[0]);
  ::close(tied[1]);
  const auto meanwhile = TCPSERVER_TEST_LINUX ? LifeLine::State::intact : LifeLine::State::untied;
  EXPECT_EQ(lines[0].state(), meanwhile);
  EXPECT_EQ(lines[1].state(), meanwhile);
  ::kill(owner, SIGKILL);
  ASSERT_EQ(::waitpid(owner, nullptr, 0), owner);
  const auto afterwards = TCPSERVER_TEST_LINUX ? LifeLine::State::cut : LifeLine::State::untied;
  EXPECT_EQ(lines[0].state(), afterwards);
  EXPECT_EQ(lines[1].state(), afterwards);
}

// The kernel does not follow the list further. Whoever has an untied line asks for its parent by other means.
TEST(LifeLine, ThatTheListHasNoPlaceForStaysUntied) {
  if (!TCPSERVER_TEST_LINUX) GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: no line is ever tied";
  constexpr int more_than_there_are = 3000;
  const Mapping memory(Mapping::Kind::shared, more_than_there_are * sizeof(LifeLine));
  auto* const lines = static_cast<LifeLine*>(memory.data());
  const pid_t owner = ::fork();
  if (owner == 0) {
    for (int i = 0; i < more_than_there_are; ++i) lines[i].tie();
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(owner, nullptr, 0), owner);
  int cut = 0;
  for (int i = 0; i < more_than_there_are; ++i) {
    EXPECT_NE(lines[i].state(), LifeLine::State::intact) << i << " is tied, and the kernel did not get there";
    if (lines[i].state() == LifeLine::State::cut) ++cut;
  }
  EXPECT_EQ(cut, 2048);
}

}  // namespace
