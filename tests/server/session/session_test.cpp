#include "tcpserver/server/session/session.hpp"

#include "server/session/capitals.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;
using tcpserver::cli::Service;

TEST(Capitals, ChangeAsciiLettersAlone) {
  std::string bytes;
  for (int value = 0; value < 256; ++value) bytes += static_cast<char>(value);
  std::string expected = bytes;
  for (char c = 'a'; c <= 'z'; ++c) expected[static_cast<std::size_t>(c)] = static_cast<char>(c - 32);
  to_capitals(bytes.data(), bytes.size());
  EXPECT_EQ(bytes, expected);
}

// Eight bytes are done at a time, and what is left one by one.
TEST(Capitals, OfEachByteInEachPlace) {
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

TEST(Session, EchoesCountsAndEndsWithTheClient) {
  Pair pair;
  ASSERT_EQ(::write(pair.ends[0], "hello", 5), 5);
  ::shutdown(pair.ends[0], SHUT_WR);
  SessionRecord bytes{};
  EXPECT_EQ(run_session(pair.ends[1], Service::upper, bytes, nullptr), SessionEnd::client_closed);
  EXPECT_EQ(bytes.in, 5U);
  EXPECT_EQ(bytes.out, 5U);
  char reply[8] = {};
  EXPECT_EQ(::read(pair.ends[0], reply, sizeof reply), 5);
  EXPECT_STREQ(reply, "HELLO");
}

TEST(Session, EndsWhenTheSocketsTimeOutRunsOut) {
  Pair pair;
  const timeval soon{.tv_sec = 0, .tv_usec = 1000};
  ASSERT_EQ(::setsockopt(pair.ends[1], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
  SessionRecord bytes{};
  EXPECT_EQ(run_session(pair.ends[1], Service::echo, bytes, nullptr), SessionEnd::idle_timeout);
}

TEST(Session, EndsAsBrokenWhereTheDescriptorIsNone) {
  SessionRecord bytes{};
  EXPECT_EQ(run_session(-1, Service::echo, bytes, nullptr), SessionEnd::broken);
}

}  // namespace
