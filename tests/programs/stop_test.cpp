#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

namespace {

using namespace harness;

class StopSignal : public ::testing::TestWithParam<int> {};

TEST_P(StopSignal, LetsOpenSessionsFinishAndEndsWithZero) {
  ServerProcess server({"--drain-timeout", "1h"});
  ClientSocket first(server.port());
  ClientSocket second(server.port());
  for (auto* client : {&first, &second}) {
    ASSERT_TRUE(client->send("before"));
    ASSERT_EQ(client->receive(6), "before");
  }
  server.process().signal(GetParam());
  EXPECT_TRUE(server.says("stopping: 2 open sessions may finish within 1h"));
  EXPECT_FALSE(ClientSocket(server.port()).connected()) << "nobody new is taken";
  for (auto* client : {&first, &second}) EXPECT_EQ(echo_through(*client, "after"), "after");
  EXPECT_EQ(server.process().wait(), 0);
  EXPECT_TRUE(contains(server.last_line(), "2 accepted, 0 refused, ended: 2 client closed;"));
}
INSTANTIATE_TEST_SUITE_P(Signals, StopSignal, ::testing::Values(SIGTERM, SIGINT), [](const auto& parameter) {
  return parameter.param == SIGTERM ? "SIGTERM" : "SIGINT";
});

TEST(Stop, FreesThePortForASuccessorWhileSessionsFinish) {
  ServerProcess server({"--drain-timeout", "1h", "--bind", "127.0.0.1"});
  auto client = open_session(server);
  server.process().signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return !ClientSocket(server.port()).connected(); }));
  Process successor({TCPSERVER_PROGRAM, "--port", std::to_string(server.port()), "--bind", "127.0.0.1"});
  EXPECT_TRUE(successor.read_output_until([](const std::string& text) { return text.ends_with('\n'); }))
      << successor.errors();
  EXPECT_EQ(echo_through(client, "old session"), "old session");
  EXPECT_EQ(server.process().wait(), 0);
}

TEST(Stop, EndsWhatIsLeftAfterTheDrainTimeOut) {
  ServerProcess server({"--drain-timeout", "50ms"});
  auto client = open_session(server);
  const auto child = children_of(server.pid()).at(0).pid;
  ::kill(child, SIGSTOP);  // a stopped child does not hear a SIGTERM; it must go all the same
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(contains(server.last_line(), "ended: 1 drained;"));
  EXPECT_NE(::kill(child, 0), 0);
}

TEST(Stop, ASecondSignalEndsAtOnce) {
  ServerProcess server({"--drain-timeout", "1h"});
  auto client = open_session(server);
  server.process().signal(SIGINT);
  ASSERT_TRUE(server.says("stopping: "));
  server.process().signal(SIGTERM);
  EXPECT_EQ(server.process().wait(), 0);
  EXPECT_EQ(client.receive_all(), "");
}

// From its first instruction on: before it can hear, a signal ends it as it ends any program; after that it
// stops in good order, in the middle of its start, too.
TEST(Stop, IsHeardAtAnyMomentOfTheStart) {
  const auto deadline = Clock::now() + patience;
  auto delay = std::chrono::microseconds(0);  // grows until the start is over, however slow the machine is
  int in_good_order = 0;
  for (int i = 0; in_good_order < 20 && Clock::now() < deadline; ++i) {
    Process server({TCPSERVER_PROGRAM, "--port", "0", "--drain-timeout", "1h"});
    std::this_thread::sleep_for(delay);
    delay += std::chrono::microseconds(50) + delay / 16;
    server.signal(i % 2 == 0 ? SIGTERM : SIGINT);
    const auto ending = server.wait();
    EXPECT_TRUE(ending == 0 || ending == -SIGTERM || ending == -SIGINT) << ending;
    if (ending != 0) continue;
    ++in_good_order;
    EXPECT_TRUE(contains(server.errors(), "tcpserver: stopped: 0 of "));
  }
  EXPECT_GE(in_good_order, 1);
}

TEST(Stop, WithNothingOpenIsQuiet) {
  ServerProcess server;
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(server.said_nothing_unusual()) << server.log();
  EXPECT_FALSE(contains(server.log(), "stopping"));
}

TEST(Signals, SighupDoesNotEndTheServerAndIsAnswered) {
  ServerProcess server;
  server.process().signal(SIGHUP);
  EXPECT_TRUE(server.says("SIGHUP: there is no configuration file"));
  ClientSocket client(server.port());
  EXPECT_EQ(echo_through(client, "x"), "x");
}

// While clients are ready in the queue, ppoll returns each time without delivering a signal: a server that
// relies on it would admit them all before it hears the SIGTERM. strace makes each accept take 5 ms, so that
// the flood lasts.
TEST(Signals, AreHeardInTheMiddleOfAFlood) {
  if (TCPSERVER_TEST_SANITIZED)
    GTEST_SKIP() << "strace and the address sanitizer's leak check exclude each other";
  if (find_command("strace").empty()) GTEST_SKIP() << "strace is not installed";
  constexpr int flood = 400;
  std::ifstream somaxconn("/proc/sys/net/core/somaxconn");
  if (int limit = 0; somaxconn >> limit && limit < flood) GTEST_SKIP() << "net.core.somaxconn: no flood fits";
  raise_descriptor_limit();
  // -D: the tracer is the grandchild, the server is the process that the test has started.
  ServerProcess server({"--bind", "127.0.0.1"}, {},
                       {"strace", "-D", "-qq", "-o", "/dev/null", "-e", "trace=accept4", "-e",
                        "inject=accept4:delay_exit=5000"});
  std::vector<ClientSocket> clients;
  for (int i = 0; i < flood; ++i) {
    clients.emplace_back(server.port());
    ASSERT_TRUE(clients.back().connected());
  }
  ASSERT_TRUE(clients.front().send("x"));
  ASSERT_EQ(clients.front().receive(1), "x");
  server.process().signal(SIGTERM);
  clients.clear();
  EXPECT_EQ(server.process().wait(), 0);
  const auto line = server.last_line();
  EXPECT_LT(std::stoi(line.substr(line.find("sessions open, ") + 15)), flood) << line;
}

}  // namespace
