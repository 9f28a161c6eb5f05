#include "harness/own_server.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;

class Client : public ::testing::Test {
 protected:
  ServerProcess server;
  std::string port = std::to_string(server.port());

  Finished client(std::vector<std::string> options, const SpawnOptions& spawn = {}) {
    options.insert(options.begin(), TCPCLIENT_PROGRAM);
    return run(options, spawn);
  }
};

TEST_F(Client, SendsAMessageAndPrintsTheReply) {
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto result = client({host, port, "--message", "hello there"});
    EXPECT_EQ(result.ending, 0) << result.errors;
    EXPECT_EQ(result.output, "hello there\n");
    EXPECT_EQ(result.errors, "");
  }
}

TEST_F(Client, StreamsStandardInputByteForByte) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65537}, std::size_t{64 << 20}}) {
    const auto bytes = varied_bytes(size);
    const auto result = client({"127.0.0.1", port}, {.input = bytes});
    EXPECT_EQ(result.ending, 0) << result.errors;
    EXPECT_TRUE(result.output == bytes) << size;
  }
}

// Its output is not read while more bytes are in transit than all buffers hold.
TEST_F(Client, DoesNotDeadlockBehindASlowReader) {
  const auto bytes = varied_bytes(32 << 20);
  Process process({TCPCLIENT_PROGRAM, "127.0.0.1", port}, {.input = bytes});
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(process.wait(), 0);
  EXPECT_TRUE(process.output() == bytes);
}

TEST_F(Client, HoldsTheConnectionForTheDelay) {
  Process holding({TCPCLIENT_PROGRAM, "127.0.0.1", port, "--message", "x", "--delay", "1h"});
  EXPECT_TRUE(eventually([&] { return server.status().starts_with("1 of 1000 sessions open, 1 accepted"); }));
  EXPECT_FALSE(contains(server.last_line(), " bytes in")) << "connected, and nothing sent";
  const auto start = Clock::now();
  EXPECT_EQ(client({"127.0.0.1", port, "--message", "x", "--delay", "300ms"}).output, "x\n");
  EXPECT_GE(Clock::now() - start, 300ms);
}

// With --ask-first, a stream does not connect before its first byte.
TEST_F(Client, AskFirstConnectsWhenThereIsInput) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Process process({TCPCLIENT_PROGRAM, "--ask-first", "127.0.0.1", port}, {.input_fd = ends[0]});
  ::close(ends[0]);
  std::this_thread::sleep_for(200ms);
  EXPECT_FALSE(contains(server.status(), "accepted"));
  ASSERT_EQ(::write(ends[1], "hi", 2), 2);
  ::close(ends[1]);
  EXPECT_EQ(process.wait(), 0);
  EXPECT_EQ(process.output(), "hi");
}

TEST_F(Client, WorksWithClosedStandardInput) {
  const auto result = run({"/bin/sh", "-c", "exec \"$0\" 127.0.0.1 \"$1\" <&-", TCPCLIENT_PROGRAM, port});
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(result.output, "");
}

TEST_F(Client, FailsIfStandardOutputCannotBeWritten) {
  for (const auto* output : {"/dev/full", "&-"}) {
    const auto call = std::string("exec \"$0\" 127.0.0.1 \"$1\" --message x >") + output;
    EXPECT_EQ(run({"sh", "-c", call, TCPCLIENT_PROGRAM, port}).ending, 74) << output;
  }
}

TEST(ClientErrors, NamesTheAddressThatRefuses) {
  OwnListener listener;
  listener.close();
  const auto result = run({TCPCLIENT_PROGRAM, "127.0.0.1", listener.port(), "--message", "x"});
  EXPECT_EQ(result.ending, 69);
  EXPECT_EQ(result.output, "");
  EXPECT_TRUE(contains(result.errors, "127.0.0.1:" + listener.port() + ": Connection refused"));
}

TEST(ClientErrors, NamesAnUnknownHost) {
  const auto result = run({TCPCLIENT_PROGRAM, "not a host name", "--message", "x"});
  EXPECT_TRUE(result.ending == 68 || result.ending == 75)
      << result.ending;  // 75 if no resolver can be reached
  EXPECT_TRUE(contains(result.errors, "'not a host name'"));
}

TEST(ClientErrors, GivesUpAfterTheTimeout) {
  OwnListener listener;  // the kernel accepts the connection into the queue, and no reply comes
  const auto result =
      run({TCPCLIENT_PROGRAM, "127.0.0.1", listener.port(), "--message", "x", "--timeout", "100ms"});
  EXPECT_EQ(result.ending, 75);
  EXPECT_TRUE(contains(result.errors, "timed out"));
  EXPECT_TRUE(contains(result.errors, "sent 2 bytes, received 0"));
}

// The name server never answers. Only this process uses it: its mount namespace has another resolv.conf.
TEST(ClientErrors, GivesUpOnASilentNameServer) {
  if (::geteuid() != 0 || find_command("unshare").empty()) GTEST_SKIP() << "needs root and unshare";
  const int silent = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  ::inet_pton(AF_INET, "127.53.53.53", &address.sin_addr);
  if (::bind(silent, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    GTEST_SKIP() << "port 53 is taken";
  const auto result =
      run({"unshare", "--mount", "/bin/sh", "-c",
           "conf=$(mktemp) && echo nameserver 127.53.53.53 > $conf && mount --bind $conf /etc/resolv.conf && "
           "rm $conf && exec \"$0\" host.example --message x --timeout 300ms",
           TCPCLIENT_PROGRAM});
  ::close(silent);
  if (result.errors.starts_with("unshare: ") || result.errors.starts_with("mount: "))
    GTEST_SKIP() << result.errors;
  EXPECT_EQ(result.ending, 75);
  EXPECT_TRUE(contains(result.errors, "'host.example': timed out"));
}

TEST(ClientErrors, ReportsALostConnection) {
  OwnListener listener;
  std::jthread peer([&] {
    const int connection = listener.accept();
    char bytes[1000];
    EXPECT_GT(::read(connection, bytes, sizeof bytes), 0);
    ::close(connection);  // with unread bytes: a reset
  });
  const auto result =
      run({TCPCLIENT_PROGRAM, "127.0.0.1", listener.port()}, {.input = varied_bytes(32 << 20)});
  EXPECT_EQ(result.ending, 74);
  EXPECT_TRUE(result.errors.starts_with("tcpclient: connection lost: ") ||
              result.errors.starts_with("tcpclient: the server closed"))
      << result.errors;
  EXPECT_TRUE(contains(result.errors, "received 0)\n"));
}

}  // namespace
