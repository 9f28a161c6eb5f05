#include "harness/strace.hpp"

#include <fstream>
#include <thread>

namespace {

using namespace harness;

class StopSignal : public ::testing::TestWithParam<int> {};

TEST_P(StopSignal, DrainsOpenSessionsAndExitsWithZero) {
  ServerProcess server({"--drain-timeout", "1h"});
  auto sessions = open_sessions(server, 2);
  server.signal(GetParam());
  EXPECT_TRUE(server.says("waiting up to 1h for 2 sessions"));
  EXPECT_FALSE(ClientSocket(server.port()).connected());
  for (auto& client : sessions) EXPECT_EQ(echo_through(client, "after"), "after");
  EXPECT_EQ(server.wait(), 0);
  EXPECT_TRUE(contains(server.last_line(), "2 accepted; sessions ended: 2 closed by client;"));
}
INSTANTIATE_TEST_SUITE_P(Signals, StopSignal, ::testing::Values(SIGTERM, SIGINT), [](const auto& parameter) {
  return parameter.param == SIGTERM ? "SIGTERM" : "SIGINT";
});

TEST(Stop, FreesThePortForASuccessorWhileSessionsFinish) {
  ServerProcess server({"--drain-timeout", "1h", "--bind", "127.0.0.1"});
  auto client = open_session(server);
  server.signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return !ClientSocket(server.port()).connected(); }));
  ServerProcess successor({"--port", std::to_string(server.port()), "--bind", "127.0.0.1"});
  EXPECT_EQ(echo_through(client, "old session"), "old session");
  EXPECT_EQ(server.wait(), 0);
}

TEST(Stop, EndsOpenSessionsAfterTheDrainTimeout) {
  ServerProcess server({"--drain-timeout", "50ms"});
  auto client = open_session(server);
  const auto child = find_child(server);
  ASSERT_TRUE(freeze(child));  // a stopped process does not handle SIGTERM
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(contains(server.last_line(), "ended: 1 stopped by the server;"));
  EXPECT_NE(::kill(child, 0), 0);
}

TEST(Stop, EndsAtOnceAfterASecondSignal) {
  ServerProcess server({"--drain-timeout", "1h"});
  auto client = open_session(server);
  server.signal(SIGINT);
  ASSERT_TRUE(server.says("stopping: "));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(client.receive_all(), "");
}

// Before its handlers are installed, SIGTERM kills the server. Later it stops cleanly, even during start-up.
TEST(Stop, WorksAtAnyMomentDuringStartup) {
  const auto deadline = Clock::now() + patience;
  auto delay = std::chrono::microseconds(0);  // grows until start-up is complete, on slow machines too
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
    EXPECT_TRUE(contains(server.errors(), "tcpserver: stopped: no connections accepted"));
  }
  EXPECT_GE(in_good_order, 1);
}

TEST(Stop, IsQuietWithoutSessions) {
  ServerProcess server;
  EXPECT_EQ(server.stop(), 0);
  EXPECT_FALSE(contains(server.log(), "stopping"));
}

// While clients are ready in the queue, ppoll returns each time without delivering a signal. A server that
// relies on it would admit all of them first. strace makes each accept take 5 ms, so that the flood lasts.
using Signals = Injection;
TEST_F(Signals, AreHandledDuringAFlood) {
  constexpr int flood = 400;
  if (std::stoi(read_text("/proc/sys/net/core/somaxconn")) < flood) GTEST_SKIP() << "somaxconn is too low";
  raise_descriptor_limit();
  auto server = start({"--bind", "127.0.0.1"}, "accept4", "delay_exit=5000");
  std::vector<ClientSocket> clients;
  for (int i = 0; i < flood; ++i) {
    clients.emplace_back(server.port());
    ASSERT_TRUE(clients.back().connected());
  }
  ASSERT_TRUE(echoes(clients.front()));
  server.signal(SIGTERM);
  clients.clear();
  EXPECT_EQ(server.wait(), 0);
  const auto line = server.last_line();
  EXPECT_LT(number_before(line, " accepted"), std::size_t{flood}) << line;
}

}  // namespace
