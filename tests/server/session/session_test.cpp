#include "tcpserver/server/session/session.hpp"

#include "tcpserver/server/session/session_loop.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;
using tcpserver::base::Verb;

TEST(Upper, ChangesOnlyAsciiLetters) {
  std::string bytes;
  for (int value = 0; value < 256; ++value) bytes += static_cast<char>(value);
  std::string expected = bytes;
  for (char c = 'a'; c <= 'z'; ++c) expected[static_cast<std::size_t>(c)] = static_cast<char>(c - 32);
  to_capitals(bytes.data(), bytes.size());
  EXPECT_EQ(bytes, expected);
}

// The code converts blocks of eight bytes, and the rest one by one.
TEST(ToCapitals, ConvertsEveryByteAtEveryOffset) {
  for (std::size_t length = 0; length < 20; ++length) {
    for (std::size_t place = 0; place < length; ++place) {
      for (int value = 0; value < 256; ++value) {
        std::string bytes(length, '{');
        bytes[place] = static_cast<char>(value);
        auto expected = bytes;
        if (value >= 'a' && value <= 'z') expected[place] = static_cast<char>(value - 32);
        to_capitals(bytes.data(), bytes.size());
        ASSERT_EQ(bytes, expected) << value << " at " << place << " of " << length;
      }
    }
  }
}

struct Pair {
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0); }
  ~Pair() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  int ends[2];
};

class PollWaiter final : public SessionWaiter {
  Result wait(int connection, short events, std::optional<TimePoint> deadline) noexcept override {
    pollfd polled{.fd = connection, .events = events, .revents = 0};
    const auto limit = deadline ? to_timespec(*time_left(deadline)) : timespec{.tv_sec = 5, .tv_nsec = 0};
    return ::ppoll(&polled, 1, &limit, nullptr) > 0 ? Result::ready : Result::timed_out;
  }
};

TEST(Session, EchoesCountsAndEndsWithTheClient) {
  Pair pair;
  ASSERT_EQ(::write(pair.ends[0], "hello", 5), 5);
  ::shutdown(pair.ends[0], SHUT_WR);
  SessionRecord bytes{};
  PollWaiter waiter;
  EXPECT_EQ(run_session(pair.ends[1], Verb::upper, bytes, waiter, Duration::zero()),
            SessionEnd::client_closed);
  EXPECT_EQ(bytes.in, 5U);
  EXPECT_EQ(bytes.out, 5U);
  char reply[8] = {};
  EXPECT_EQ(::read(pair.ends[0], reply, sizeof reply), 5);
  EXPECT_STREQ(reply, "HELLO");
}

TEST(Session, EndsAfterTheIdleTimeout) {
  Pair pair;
  SessionRecord bytes{};
  PollWaiter waiter;
  EXPECT_EQ(run_session(pair.ends[1], Verb::echo, bytes, waiter, std::chrono::milliseconds(1)),
            SessionEnd::idle_timeout);
}

TEST(Session, EndsAsBrokenWithAnInvalidDescriptor) {
  SessionRecord bytes{};
  PollWaiter waiter;
  EXPECT_EQ(run_session(1 << 20, Verb::echo, bytes, waiter, Duration::zero()), SessionEnd::broken);
}

}  // namespace
