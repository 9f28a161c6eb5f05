#include "load/transfer.hpp"

#include <sys/socket.h>

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::load;
using tcpserver::base::UniqueFd;
using tcpserver::base::Verb;

// A connection, and the test as its server.
class TransferTest : public ::testing::Test {
 protected:
  TransferTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    connection.fd = UniqueFd(ends[0]);
    connection.number = 1;
    server = UniqueFd(ends[1]);
  }

  std::string what_came() const {
    std::array<char, 1000> bytes{};
    const auto count = ::recv(server.get(), bytes.data(), bytes.size(), 0);
    return {bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
  }
  void answer(const std::string& bytes) const {
    EXPECT_EQ(::send(server.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }

  Transfer transfer{Verb::echo, 100};
  Connection connection;
  UniqueFd server;
};

TEST_F(TransferTest, TakesTheRightBytesInAnyPieces) {
  ASSERT_FALSE(transfer.send(connection));
  EXPECT_EQ(connection.sent, 100U);
  const auto bytes = what_came();
  ASSERT_EQ(bytes.size(), 100U);
  for (const auto& piece : {bytes.substr(0, 1), bytes.substr(1, 98), bytes.substr(99)}) {
    answer(piece);
    EXPECT_FALSE(transfer.receive(connection).fault);
  }
  EXPECT_EQ(connection.received, 100U);
  EXPECT_FALSE(transfer.receive(connection).at_end) << "nothing more, and no end either";
  server.reset();
  EXPECT_TRUE(transfer.receive(connection).at_end);
  EXPECT_EQ(transfer.bytes_sent(), 100U);
  EXPECT_EQ(transfer.bytes_received(), 100U);
}

TEST_F(TransferTest, SeesEachWrongByte) {
  ASSERT_FALSE(transfer.send(connection));
  const auto right = what_came();
  for (const std::size_t at : {std::size_t{0}, std::size_t{57}, std::size_t{99}}) {
    connection.received = 0;
    auto wrong = right;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    answer(wrong);
    const auto fault = transfer.receive(connection).fault;
    ASSERT_TRUE(fault) << at;
    EXPECT_EQ(fault->kind, ErrorKind::wrong_bytes);
    EXPECT_EQ(fault->at, at);
    EXPECT_FALSE(fault->surplus);
  }
}

TEST_F(TransferTest, SeesAReplyThatComesBeforeTheQuestion) {
  Transfer other(Verb::echo, 100);
  ASSERT_FALSE(other.send(connection));
  answer(what_came());
  connection.sent = 10;  // as if no more had been sent yet
  const auto fault = transfer.receive(connection).fault;
  ASSERT_TRUE(fault);
  EXPECT_TRUE(fault->surplus);
  EXPECT_EQ(fault->at, 10U);
}

}  // namespace
