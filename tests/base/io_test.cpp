#include "tcpserver/base/io.hpp"

#include "tcpserver/base/unique_fd.hpp"

#include <fcntl.h>
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

TEST(Io, WriteAllWaitsForAFullPipe) {
  for (const int flags : {0, O_NONBLOCK}) {
    Pipe pipe;
    ASSERT_EQ(::fcntl(pipe.write_end.get(), F_SETFL, flags), 0);
    const std::string bytes(1 << 20, 'x');
    std::string received;
    std::jthread reader([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the pipe is full by then
      char part[4096];
      for (ssize_t count = 0; (count = read_some(pipe.read_end.get(), part, sizeof part)) > 0;) {
        received.append(part, static_cast<std::size_t>(count));
      }
    });
    EXPECT_TRUE(write_all(pipe.write_end.get(), bytes));
    pipe.write_end.reset();
    reader.join();
    EXPECT_TRUE(received == bytes) << received.size();
  }
}

TEST(Io, WriteAllSetsErrno) {
  const UniqueFd full(::open("/dev/full", O_WRONLY));
  ASSERT_TRUE(full);
  EXPECT_FALSE(write_all(full.get(), "x"));
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_FALSE(write_all(-1, "x"));
  EXPECT_EQ(errno, EBADF);
}

TEST(Io, ReadSomeReturnsZeroAtTheEnd) {
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

}  // namespace
