#include "harness/process.hpp"
#include "harness/server_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <array>
#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;

constexpr const char* question = "Please type a short sentence: ";

// tcpclient on a pseudo-terminal, with the test as the user.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& options, const char* program = TCPCLIENT_PROGRAM)
      : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    ::grantpt(master_);
    ::unlockpt(master_);
    const int slave = ::open(::ptsname(master_), O_RDWR | O_NOCTTY | O_CLOEXEC);
    std::vector<std::string> command{program};
    command.insert(command.end(), options.begin(), options.end());
    process_ = std::make_unique<Process>(command, SpawnOptions{.terminal_fd = slave});
    ::close(slave);
  }
  ~Terminal() { ::close(master_); }

  Process& process() { return *process_; }
  void type(std::string_view text) {
    ASSERT_EQ(::write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  // Reads until the screen ends with `text`, or the terminal is closed.
  bool shows(const std::string& text) {
    const auto deadline = Clock::now() + patience;
    while (screen_.find(text) == std::string::npos && Clock::now() < deadline) {
      pollfd polled{.fd = master_, .events = POLLIN, .revents = 0};
      if (::poll(&polled, 1, 100) <= 0) continue;
      std::array<char, 4096> part{};
      const ssize_t count = ::read(master_, part.data(), part.size());
      if (count <= 0) break;
      screen_.append(part.data(), static_cast<std::size_t>(count));
    }
    return screen_.find(text) != std::string::npos;
  }
  const std::string& screen() { return screen_; }

 private:
  int master_;
  std::unique_ptr<Process> process_;
  std::string screen_;
};

class OnTerminal : public ::testing::Test {
 protected:
  ServerProcess server{std::vector<std::string>{"--service", "upper"}};
  std::string port = std::to_string(server.port());
};

TEST_F(OnTerminal, ConnectsThenAsks) {
  Terminal terminal({"127.0.0.1", port});
  ASSERT_TRUE(terminal.shows(question)) << terminal.screen();
  EXPECT_TRUE(eventually([&] { return server.status().starts_with("1 of 1000 sessions open"); }))
      << "the connection is held while the user thinks";
  terminal.type("hello terminal\n");
  EXPECT_TRUE(terminal.shows("HELLO TERMINAL\r\n")) << terminal.screen();
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(OnTerminal, AskFirstConnectsAfterTheUserHasTyped) {
  Terminal terminal({"--ask-first", "127.0.0.1", port});
  ASSERT_TRUE(terminal.shows(question)) << terminal.screen();
  std::this_thread::sleep_for(200ms);
  EXPECT_NE(server.status().find(" 0 accepted"), std::string::npos) << "no connection is held";
  terminal.type("later\n");
  EXPECT_TRUE(terminal.shows("LATER\r\n")) << terminal.screen();
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(OnTerminal, EndOfInputEndsIt) {
  Terminal terminal({"127.0.0.1", port});
  ASSERT_TRUE(terminal.shows(question));
  terminal.type("\x04");
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(OnTerminal, SaysThatTheServerWentAwayWhileItAsked) {
  ServerProcess leaving({"--idle-timeout", "50ms"});
  Terminal terminal({"127.0.0.1", std::to_string(leaving.port())});
  EXPECT_TRUE(terminal.shows("tcpclient: the server closed the connection before a sentence was sent"))
      << terminal.screen();
  EXPECT_EQ(terminal.process().wait(), 74);
}

TEST_F(OnTerminal, WithAMessageAsksNothing) {
  Terminal terminal({"127.0.0.1", port, "--message", "quiet"});
  EXPECT_TRUE(terminal.shows("QUIET\r\n"));
  EXPECT_EQ(terminal.screen().find(question), std::string::npos);
  EXPECT_EQ(terminal.process().wait(), 0);
}

// A frozen terminal: POLLOUT says that it takes something, not that it takes a line.
TEST(ServerOnTerminal, AFrozenTerminalStopsNoServer) {
  Terminal terminal({"--port", "0"}, TCPSERVER_PROGRAM);
  ASSERT_TRUE(terminal.shows("Server is listening on port ")) << terminal.screen();
  for (int i = 0; i < 600; ++i) {  // each logs a line that nobody reads
    terminal.process().signal(SIGUSR1);
    std::this_thread::sleep_for(1ms);
  }
  terminal.process().signal(SIGTERM);
  EXPECT_EQ(terminal.process().wait(), 0);
}

}  // namespace
