#include "harness/terminal.hpp"

#include "harness/server_process.hpp"
#include "harness/text.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;

constexpr const char* question = "Please type a short sentence: ";

// tcpclient, with these options.
std::vector<std::string> tcpclient(std::vector<std::string> options) {
  options.insert(options.begin(), TCPCLIENT_PROGRAM);
  return options;
}

class OnTerminal : public ::testing::Test {
 protected:
  ServerProcess server{std::vector<std::string>{"--service", "upper"}};
  std::string port = std::to_string(server.port());
};

TEST_F(OnTerminal, ConnectsThenAsks) {
  Terminal terminal(tcpclient({"127.0.0.1", port}));
  ASSERT_TRUE(terminal.shows(question)) << terminal.shown();
  EXPECT_TRUE(eventually([&] { return server.status().starts_with("1 of 1000 sessions open"); }))
      << "the connection is held while the user thinks";
  terminal.type("hello terminal\n");
  EXPECT_TRUE(terminal.shows("HELLO TERMINAL\r\n")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(OnTerminal, AskFirstConnectsAfterTheUserHasTyped) {
  Terminal terminal(tcpclient({"--ask-first", "127.0.0.1", port}));
  ASSERT_TRUE(terminal.shows(question)) << terminal.shown();
  std::this_thread::sleep_for(200ms);
  EXPECT_TRUE(contains(server.status(), " 0 accepted")) << "no connection is held";
  terminal.type("later\n");
  EXPECT_TRUE(terminal.shows("LATER\r\n")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(OnTerminal, EndOfInputEndsIt) {
  Terminal terminal(tcpclient({"127.0.0.1", port}));
  ASSERT_TRUE(terminal.shows(question));
  terminal.type("\x04");
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(OnTerminal, SaysThatTheServerWentAwayWhileItAsked) {
  ServerProcess leaving({"--idle-timeout", "50ms"});
  Terminal terminal(tcpclient({"127.0.0.1", std::to_string(leaving.port())}));
  EXPECT_TRUE(terminal.shows("tcpclient: the server closed the connection before a sentence was sent"))
      << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 74);
}

TEST_F(OnTerminal, WithAMessageAsksNothing) {
  Terminal terminal(tcpclient({"127.0.0.1", port, "--message", "quiet"}));
  EXPECT_TRUE(terminal.shows("QUIET\r\n"));
  EXPECT_FALSE(contains(terminal.shown(), question));
  EXPECT_EQ(terminal.process().wait(), 0);
}

// A frozen terminal: POLLOUT says that it takes something, not that it takes a line.
TEST(ServerOnTerminal, AFrozenTerminalStopsNoServer) {
  Terminal terminal({TCPSERVER_PROGRAM, "--port", "0"});
  ASSERT_TRUE(terminal.shows("Server is listening on port ")) << terminal.shown();
  for (int i = 0; i < 600; ++i) {  // each logs a line that nobody reads
    terminal.process().signal(SIGUSR1);
    std::this_thread::sleep_for(1ms);
  }
  terminal.process().signal(SIGTERM);
  EXPECT_EQ(terminal.process().wait(), 0);
}

}  // namespace
