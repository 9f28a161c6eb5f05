#include "tcpserver/base/io.hpp"

#include "tcpserver/base/signals.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <thread>
#include <utility>

namespace {

using namespace tcpserver::base;

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    read_end = UniqueFd(ends[0]);
    write_end = UniqueFd(ends[1]);
  }
  UniqueFd read_end;
  UniqueFd write_end;
};

TEST(Io, WritesAllOfWhatIsLargerThanThePipe) {
  Pipe pipe;
  const std::string bytes(1 << 20, 'x');
  std::string received;
  std::jthread reader([&] {
    char part[4096];
    for (ssize_t count = 0; (count = read_some(pipe.read_end.get(), part, sizeof part)) > 0;) {
      received.append(part, static_cast<std::size_t>(count));
    }
  });
  EXPECT_TRUE(write_all(pipe.write_end.get(), bytes));
  pipe.write_end.reset();
  reader.join();
  EXPECT_EQ(received, bytes);
}

TEST(Io, WaitsForAPipeThatSomebodyMadeNonBlocking) {
  Pipe pipe;
  ASSERT_EQ(::fcntl(pipe.write_end.get(), F_SETFL, O_NONBLOCK), 0);
  const std::string bytes(1 << 20, 'x');
  std::size_t received = 0;
  std::jthread reader([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // it is full by then
    char part[4096];
    for (ssize_t count = 0; (count = read_some(pipe.read_end.get(), part, sizeof part)) > 0;) {
      received += static_cast<std::size_t>(count);
    }
  });
  EXPECT_TRUE(write_all(pipe.write_end.get(), bytes));
  pipe.write_end.reset();
  reader.join();
  EXPECT_EQ(received, bytes.size());
}

TEST(Io, TellsWhyAWriteFailed) {
  const UniqueFd full(::open("/dev/full", O_WRONLY));
  ASSERT_TRUE(full);
  EXPECT_FALSE(write_all(full.get(), "x"));
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_FALSE(write_all(-1, "x"));
  EXPECT_EQ(errno, EBADF);
}

TEST(Io, ReadsNothingAtTheEnd) {
  Pipe pipe;
  pipe.write_end.reset();
  char byte = 0;
  EXPECT_EQ(read_some(pipe.read_end.get(), &byte, 1), 0);
}

TEST(UniqueFd, ClosesOnceAndMoves) {
  Pipe pipe;
  const int number = pipe.read_end.get();
  UniqueFd moved(std::move(pipe.read_end));
  EXPECT_EQ(moved.get(), number);
  EXPECT_FALSE(pipe.read_end);
  moved.reset();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

// A terminal that nobody reads takes bytes for a while.
TEST(WriteWithin, GivesUpWhereATerminalTakesNoMore) {
  const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(master);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  const UniqueFd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  const std::string line(1000, 'x');
  constexpr int far_more_than_fit = 1000;
  int taken = 0;
  ssize_t last = 0;
  while (taken < far_more_than_fit &&
         (last = write_within(terminal.get(), line, std::chrono::milliseconds(10))) == 1000) {
    ++taken;
  }
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, far_more_than_fit);
  if (last > 0) last = write_within(terminal.get(), line, std::chrono::milliseconds(10));
  EXPECT_EQ(last, -1);
  EXPECT_EQ(errno, EINTR);
  EXPECT_EQ(::fcntl(terminal.get(), F_GETFL) & O_NONBLOCK, 0);
}

// Even where the signal was blocked or ignored; and nothing of it stays.
TEST(WriteWithin, LeavesSignalsAndTimerAsTheyWere) {
  Pipe pipe;
  const auto alarms = signal_set({SIGALRM});
  sigset_t before;
  sigprocmask(SIG_BLOCK, &alarms, &before);
  set_disposition(SIGALRM, SIG_IGN);
  while (write_within(pipe.write_end.get(), "12345678", std::chrono::milliseconds(10)) == 8) continue;
  EXPECT_EQ(errno, EINTR);
  sigset_t blocked;
  sigset_t pending;
  sigprocmask(SIG_SETMASK, &before, &blocked);
  sigpending(&pending);
  EXPECT_EQ(sigismember(&blocked, SIGALRM), 1);
  EXPECT_EQ(sigismember(&pending, SIGALRM), 0);
  struct sigaction action {};
  sigaction(SIGALRM, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_IGN);
  itimerval timer{};
  EXPECT_EQ(::getitimer(ITIMER_REAL, &timer), 0);
  EXPECT_EQ(timer.it_value.tv_sec + timer.it_value.tv_usec, 0);
  set_disposition(SIGALRM, SIG_DFL);
}

}  // namespace
