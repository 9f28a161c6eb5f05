#include "harness/client_socket.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;

// Long enough that a server which is able to answer would have answered.
constexpr auto a_while = 300ms;

TEST(SlowClient, DelaysNobodyInForkMode) {
  ServerProcess server;
  ClientSocket slow(server.port());
  for (int i = 0; i < 10; ++i) {
    ClientSocket quick(server.port());
    EXPECT_EQ(echo_through(quick, "quick"), "quick");
  }
  EXPECT_EQ(echo_through(slow, "slow"), "slow");
}

TEST(SlowClient, DelaysEverybodyInIterativeMode) {
  ServerProcess server({"--mode", "iterative"});
  ClientSocket slow(server.port());
  ASSERT_TRUE(slow.send("s"));
  ASSERT_EQ(slow.receive(1), "s");  // it is being served
  ClientSocket quick(server.port());
  ClientSocket also_quick(server.port());
  ASSERT_TRUE(quick.send("quick"));
  ASSERT_TRUE(also_quick.send("also quick"));
  EXPECT_FALSE(quick.readable(a_while));
  EXPECT_FALSE(also_quick.readable(0ms));
  slow.close();
  EXPECT_EQ(quick.receive(5), "quick");
  EXPECT_FALSE(also_quick.readable(a_while));
  quick.close();
  EXPECT_EQ(also_quick.receive(10), "also quick");
  EXPECT_TRUE(children_of(server.pid()).empty()) << "it serves by itself";
}

TEST(Iterative, EchoesByteForByte) {
  ServerProcess server({"--mode", "iterative"});
  const auto bytes = varied_bytes(16 << 20);
  for (int i = 0; i < 2; ++i) {
    ClientSocket client(server.port());
    EXPECT_TRUE(echo_through(client, bytes) == bytes);
  }
  EXPECT_EQ(server.stop(), 0);
  EXPECT_NE(server.last_line().find("2 accepted, 0 refused, ended: 2 client closed;"), std::string::npos);
}

TEST(Iterative, SaysWhichOptionsHaveNoEffect) {
  ServerProcess server({"--mode", "iterative", "--reap", "none", "--overload", "refuse"});
  EXPECT_EQ(server.stop(), 0);
  EXPECT_NE(server.process().errors().find("with no children, these have no effect: --reap, --overload\n"),
            std::string::npos);
}

TEST(Iterative, LeavesNoDescriptorBehind) {
  ServerProcess server({"--mode", "iterative"});
  const auto before = descriptors_of(server.pid());
  for (int i = 0; i < 50; ++i) {
    ClientSocket client(server.port());
    EXPECT_EQ(echo_through(client, "x"), "x");
  }
  EXPECT_TRUE(eventually([&] { return descriptors_of(server.pid()) == before; }));
}

TEST(Iterative, AnswersSignalsInTheMiddleOfASession) {
  ServerProcess server({"--mode", "iterative"});
  ClientSocket client(server.port());
  ASSERT_TRUE(client.send("x"));
  ASSERT_EQ(client.receive(1), "x");
  EXPECT_NE(server.status().find("1 of 1 sessions open, 1 accepted"), std::string::npos)
      << server.last_line();
  server.process().signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return !ClientSocket(server.port()).connected(); }))
      << "the port is free at once";
  EXPECT_EQ(echo_through(client, "still served"), "still served");
  EXPECT_EQ(server.process().wait(), 0);
}

// The next bytes are there whenever the server wants to read: strace makes each of its writes take 2 ms.
// ppoll then returns at once, each time without delivering a signal.
TEST(Iterative, HearsSigtermWhileAClientNeverPauses) {
  if (TCPSERVER_TEST_SANITIZED)
    GTEST_SKIP() << "strace and the address sanitizer's leak check exclude each other";
  if (find_command("strace").empty()) GTEST_SKIP() << "strace is not installed";
  ServerProcess server(
      {"--mode", "iterative", "--drain-timeout", "0"}, {},
      {"strace", "-D", "-qq", "-o", "/dev/null", "-e", "trace=write", "-e", "inject=write:delay_exit=2000"});
  ClientSocket client(server.port());
  std::jthread sender([&] {
    const std::string block(1 << 16, 'x');
    while (client.send(block)) {
    }
  });
  std::jthread receiver([&] {
    while (client.receive(1 << 16).size() == 1 << 16) {
    }
  });
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(server.stop(), 0);
  EXPECT_NE(server.last_line().find("ended: 1 drained;"), std::string::npos) << server.last_line();
}

TEST(Iterative, EndsASilentClientByTheIdleTimeOut) {
  ServerProcess server({"--mode", "iterative", "--idle-timeout", "1s"});
  ClientSocket silent(server.port());
  ClientSocket waiting(server.port());
  EXPECT_EQ(echo_through(waiting, "served at last"), "served at last");
  EXPECT_NE(server.status().find("1 idle time-out"), std::string::npos) << server.last_line();
}

}  // namespace
