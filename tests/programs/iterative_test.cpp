#include "harness/strace.hpp"

#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;

// Long enough for a server that can answer.
constexpr auto a_while = 300ms;

TEST(SlowClient, DelaysAllOthersInIterativeMode) {
  ServerProcess server({"--mode", "iterative"});
  auto slow = open_session(server);
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
  EXPECT_TRUE(find_children(server.pid()).empty()) << "it serves without children";
}

TEST(Iterative, EchoesAllBytesAndLeaksNoDescriptor) {
  ServerProcess server({"--mode", "iterative"});
  static_cast<void>(server.status());  // its start is over, and the descriptors of the start are closed
  const auto descriptors = count_descriptors(server.pid());
  const auto bytes = varied_bytes(16 << 20);
  for (int i = 0; i < 2; ++i) {
    ClientSocket client(server.port());
    EXPECT_TRUE(echo_through(client, bytes) == bytes);
  }
  for (int i = 0; i < 50; ++i) open_session(server).close();
  EXPECT_TRUE(server.status_shows("52 accepted; sessions ended: 52 closed by client;"));
  EXPECT_EQ(count_descriptors(server.pid()), descriptors);
}

TEST(Iterative, ListsOptionsWithoutEffect) {
  ServerProcess server({"--mode", "iterative", "--reap", "none", "--overload", "refuse"});
  EXPECT_TRUE(server.says(": --overload, --reap\n"));
}

TEST(Iterative, AnswersSignalsDuringASession) {
  ServerProcess server({"--mode", "iterative"});
  auto client = open_session(server);
  EXPECT_TRUE(contains(server.status(), "1 of 1 sessions open, 1 accepted"));
  server.signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return !ClientSocket(server.port()).connected(); })) << "the port is free";
  EXPECT_EQ(echo_through(client, "still served"), "still served");
  EXPECT_EQ(server.wait(), 0);
}

using IterativeTraced = Injection;

// strace delays each write by 2 ms, so the next bytes have always arrived when the server reads. Then ppoll
// returns at once and delivers no signal.
TEST_F(IterativeTraced, HandlesSigtermWhileAClientNeverPauses) {
  auto server = start({"--mode", "iterative", "--drain-timeout", "0"}, "write", "delay_exit=2000");
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
  EXPECT_TRUE(contains(server.last_line(), "ended: 1 stopped by the server;"));
}

}  // namespace
