#include "harness/terminal.hpp"
#include "harness/text.hpp"
#include "harness/tmux.hpp"
#include "programs/load.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

// tcpclient --clients on a terminal.
namespace {

using namespace harness;
using namespace std::chrono_literals;

TEST(ClientsOnTerminal, AreDrawnLiveAndInColour) {
  ServerProcess server;
  Terminal terminal(clients_command(server, {"3", "--delay", "60s"}));
  ASSERT_TRUE(terminal.shows("\x1b[30;46m=="));  // a slow client's bar grows
  ASSERT_TRUE(terminal.shows("\x1b[6A\r3 clients of 127.0.0.1")) << "moves six lines up and redraws";
  terminal.type("\x03");  // Ctrl-C
  EXPECT_TRUE(terminal.shows("Stopped after "));
  EXPECT_EQ(terminal.process().wait(), -SIGINT);
  terminal.read_all();
  EXPECT_LT(terminal.shown().rfind("\x1b[0m"), terminal.shown().rfind("Stopped")) << "a colour is left on";
}

TEST(ClientsOnTerminal, ObeyNoColor) {
  ServerProcess server;
  Terminal terminal(clients_command(server, {"3", "--delay", "300ms"}), {80, 24},
                    {"TERM=xterm", "NO_COLOR=1"});
  EXPECT_TRUE(terminal.shows("The 2 quick clients waited "));
  EXPECT_EQ(terminal.process().wait(), 0);
  EXPECT_FALSE(contains(terminal.shown(), "\x1b[30"));
  EXPECT_TRUE(contains(terminal.shown(), "\x1b[6A\r")) << "but it is redrawn";

  Terminal empty(clients_command(server, {"3"}), {80, 24}, {"TERM=xterm", "NO_COLOR="});
  EXPECT_TRUE(empty.shows("\x1b[30")) << "an empty NO_COLOR is none (no-color.org)";
}

// Output is stopped by Ctrl-S, before the run begins.
class ClientsOnStoppedTerminal : public ::testing::Test {
 protected:
  ServerProcess server;
  std::unique_ptr<Terminal> frozen(const std::string& options) {
    auto terminal = std::make_unique<Terminal>(
        std::vector<std::string>{"/bin/sh", "-c",
                                 "stty -echo; echo ready; read go; exec " TCPCLIENT_PROGRAM " 127.0.0.1 " +
                                     port_text(server) + " --clients " + options});
    EXPECT_TRUE(terminal->shows("ready"));
    terminal->type("\x13go\n");
    return terminal;
  }
};

TEST_F(ClientsOnStoppedTerminal, AreServed) {
  const auto terminal = frozen("5");
  EXPECT_TRUE(server.status_shows("5 closed by client;"));
  std::this_thread::sleep_for(1200ms);
  terminal->type("\x11");  // Ctrl-Q
  EXPECT_TRUE(terminal->shows("5 clients waited ")) << terminal->shown();
  EXPECT_EQ(terminal->process().wait(), 0);
  terminal->read_all();
  EXPECT_FALSE(contains(terminal->shown(), "a second or longer")) << terminal->shown();
}

TEST_F(ClientsOnStoppedTerminal, CanBeStopped) {
  for (const auto later : {0ms, 200ms}) {  // before the first frame, and during a frame
    const auto terminal = frozen("3 --delay 60s");
    EXPECT_TRUE(eventually([&] { return server.status().starts_with("1 of 1000 sessions open"); }));
    std::this_thread::sleep_for(later);
    terminal->process().signal(SIGTERM);
    EXPECT_EQ(terminal->process().wait(), -SIGTERM);
    EXPECT_TRUE(eventually([&] { return server.status().starts_with("0 of 1000 sessions open"); }));
  }
}

TEST(ClientsOnTerminal, AreDrawnIfOutputIsNonBlocking) {
  ServerProcess server;
  Terminal terminal(
      {"python3", "-c", "import os, sys\nos.set_blocking(1, False)\nos.execv(sys.argv[1], sys.argv[1:])",
       TCPCLIENT_PROGRAM, "127.0.0.1", port_text(server), "--clients", "200", "--delay", "300ms"});
  EXPECT_TRUE(terminal.shows("The 199 quick clients waited ")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST(ClientsOnTerminal, AreDrawnOnceOnADumbTerminal) {
  ServerProcess server;
  Terminal terminal(clients_command(server, {"3", "--delay", "300ms"}), {80, 24}, {"TERM=dumb"});
  EXPECT_EQ(terminal.process().wait(), 0);
  terminal.read_all();
  EXPECT_FALSE(contains(terminal.shown(), "\x1b"));
  EXPECT_EQ(occurrences(terminal.shown(), "3 clients of"), 1U) << terminal.shown();
}

class ClientsInTmux : public ::testing::Test {
 protected:
  void SetUp() override {
    if (find_command("tmux").empty()) GTEST_SKIP() << "tmux is not installed";
  }

  ServerProcess server{std::vector<std::string>{"--mode", "iterative"}};
  std::string command(const std::string& options) {
    return std::string("echo before; ") + TCPCLIENT_PROGRAM + " 127.0.0.1 " + port_text(server) + " " +
           options;
  }
  static bool over(const Tmux& tmux) { return contains(tmux.screen(), "served after it"); }
};

TEST_F(ClientsInTmux, FollowTheWindowSize) {
  Tmux tmux(100, 24, command("--clients 4 --delay 3s"));
  ASSERT_EQ(tmux.errors(), "");
  const auto longest_line = [&] {
    std::size_t longest = 0;
    for (const auto& line : split_lines(tmux.screen())) longest = std::max(longest, line.size());
    return longest;
  };
  ASSERT_TRUE(eventually([&] { return longest_line() == 99; })) << tmux.screen();
  tmux.resize(60, 24);
  EXPECT_TRUE(eventually([&] { return longest_line() == 59; })) << tmux.screen();
  EXPECT_EQ(occurrences(tmux.screen(), "4 clients of"), 1U) << tmux.screen();
  tmux.resize(90, 24);
  EXPECT_TRUE(eventually([&] { return longest_line() == 89; })) << tmux.screen();
  EXPECT_TRUE(eventually([&] { return over(tmux); })) << tmux.screen();
  EXPECT_EQ(occurrences(tmux.screen(), "4 clients of"), 1U) << tmux.screen();
}

TEST_F(ClientsInTmux, FitIntoALowWindowAndAreCompleteAtTheEnd) {
  Tmux tmux(80, 12, command("--clients 20 --delay 1500ms"));
  ASSERT_EQ(tmux.errors(), "");
  EXPECT_TRUE(eventually([&] {
    const auto screen = tmux.screen();
    return occurrences(screen, "20 clients of") == 1 && contains(screen, "13 more: 0 answered");
  })) << tmux.screen();
  EXPECT_TRUE(eventually([&] { return over(tmux); })) << tmux.screen();
  const auto all = tmux.history();
  EXPECT_TRUE(all.starts_with("before\n")) << all;
  EXPECT_EQ(occurrences(all, "20 clients of"), 1U) << all;
  for (int id = 2; id <= 20; ++id) {
    EXPECT_EQ(occurrences(all, (id < 10 ? "\n " : "\n") + std::to_string(id) + "      ###"), 1U) << id << all;
  }
}

}  // namespace
