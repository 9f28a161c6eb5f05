#include "harness/terminal.hpp"

#include "harness/own_server.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;

constexpr const char* question = "Please type a short sentence: ";

std::vector<std::string> tcpclient(std::vector<std::string> options) {
  options.insert(options.begin(), TCPCLIENT_PROGRAM);
  return options;
}

class InteractiveClient : public ::testing::Test {
 protected:
  ServerProcess server{std::vector<std::string>{"--service", "upper"}};
  std::string port = std::to_string(server.port());
};

TEST_F(InteractiveClient, ConnectsThenAsks) {
  Terminal terminal(tcpclient({"127.0.0.1", port}));
  ASSERT_TRUE(terminal.shows(question)) << terminal.shown();
  EXPECT_TRUE(eventually([&] { return server.status().starts_with("1 of 1000 sessions open"); }))
      << "it holds its connection meanwhile";
  terminal.type("hello terminal\n");
  EXPECT_TRUE(terminal.shows("HELLO TERMINAL\r\n")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(InteractiveClient, AskFirstConnectsAfterTheInput) {
  Terminal terminal(tcpclient({"--ask-first", "127.0.0.1", port}));
  ASSERT_TRUE(terminal.shows(question)) << terminal.shown();
  std::this_thread::sleep_for(200ms);
  EXPECT_FALSE(contains(server.status(), "accepted")) << "no connection is held";
  terminal.type("later\n");
  EXPECT_TRUE(terminal.shows("LATER\r\n")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(InteractiveClient, EndsAtTheEndOfInput) {
  Terminal terminal(tcpclient({"127.0.0.1", port}));
  ASSERT_TRUE(terminal.shows(question));
  terminal.type("\x04");
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(InteractiveClient, ReportsThatTheServerClosedWhileItAsked) {
  ServerProcess leaving({"--idle-timeout", "50ms"});
  Terminal terminal(tcpclient({"127.0.0.1", std::to_string(leaving.port())}));
  EXPECT_TRUE(terminal.shows("tcpclient: the server closed the connection before a sentence was sent"))
      << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 74);
}

TEST_F(InteractiveClient, DoesNotAskWithAMessage) {
  Terminal terminal(tcpclient({"127.0.0.1", port, "--message", "quiet"}));
  EXPECT_TRUE(terminal.shows("QUIET\r\n"));
  EXPECT_FALSE(contains(terminal.shown(), question));
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST(ClientOnTerminal, ReportsOnceThatItWaitsForTheReply) {
  std::promise<void> notice_shown;
  OwnServer server(1, [&](int connection) {
    EXPECT_EQ(read_all(connection), "x\n");
    notice_shown.get_future().wait();
    EXPECT_EQ(::write(connection, "x\n", 2), 2);
  });
  Terminal terminal(tcpclient({"-m", "x", "127.0.0.1", server.port()}));
  EXPECT_TRUE(terminal.shows("tcpclient: connected, waiting for ")) << terminal.shown();
  std::this_thread::sleep_for(100ms);
  notice_shown.set_value();
  EXPECT_TRUE(terminal.shows("\r\nx\r\n")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
  EXPECT_EQ(occurrences(terminal.shown(), "waiting"), 1U);
}

TEST(ClientOnTerminal, ReportsThatItIsStillConnecting) {
  const OwnListener listener(0);
  const ClientSocket first(static_cast<std::uint16_t>(std::stoi(listener.port())));  // fills the queue
  Terminal terminal(tcpclient({"-m", "x", "-t", "2500ms", "127.0.0.1", listener.port()}));
  EXPECT_TRUE(terminal.shows("tcpclient: still connecting to 127.0.0.1:" + listener.port()))
      << terminal.shown();
  EXPECT_TRUE(terminal.shows("Connection timed out")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 75);
}

TEST(ClientOnTerminal, ReportsNoWaitIfItIsNotInteractive) {
  OwnListener listener;
  const auto result = run(tcpclient({"-m", "x", "-t", "2500ms", "127.0.0.1", listener.port()}));
  EXPECT_EQ(result.errors, "tcpclient: timed out: no progress for 2500ms (sent 2 bytes, received 0)\n");
}

// POLLOUT on a stopped terminal means that it accepts some bytes, but perhaps not a whole line.
TEST(ServerOnTerminal, KeepsRunningOnAStoppedTerminal) {
  Terminal terminal({TCPSERVER_PROGRAM, "--port", "0"});
  ASSERT_TRUE(terminal.shows("Server is listening on port ")) << terminal.shown();
  for (int i = 0; i < 600; ++i) {  // each logs a line that is not read
    terminal.process().signal(SIGUSR1);
    std::this_thread::sleep_for(1ms);
  }
  terminal.process().signal(SIGTERM);
  EXPECT_EQ(terminal.process().wait(), 0);
}

}  // namespace
