#include "harness/own_server.hpp"
#include "harness/server_process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

// The output of these programs has no reader.
namespace {

using namespace harness;

using Words = std::vector<std::string>;

class BrokenPipe : public ::testing::Test {
 protected:
  BrokenPipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    ::close(ends[0]);
    pipe = ends[1];
  }
  ~BrokenPipe() override { ::close(pipe); }

  // Runs it with the default action of SIGPIPE, and with SIGPIPE ignored, as some service managers do.
  static void expect_ending(Words command, const SpawnOptions& options, Ending expected) {
    EXPECT_EQ(run(command, options).ending, expected) << ::testing::PrintToString(command);
    command.insert(command.begin(), {"/bin/sh", "-c", "trap '' PIPE; exec \"$0\" \"$@\""});
    EXPECT_EQ(run(command, options).ending, expected) << ::testing::PrintToString(command);
  }

  int pipe = -1;  // the writing end; it has no reader
};

TEST_F(BrokenPipe, KeepsTheExitStatusOnStandardError) {
  OwnListener unused;
  unused.close();
  const std::string no_address = "192.0.2.7";  // RFC 5737
  const std::vector<std::pair<Words, Ending>> calls{
      {{TCPSERVER_PROGRAM, "--port", "99999"}, 64},
      {{TCPSERVER_PROGRAM, "--port", "0", "--bind", no_address}, 69},
      {{TCPSERVER_PROGRAM, "--port", "0", "--bind", no_address, "--log-format", "json"}, 69},
      {{TCPSERVER_PROGRAM, "--port", "0", "--bind", no_address, "--daemonize"}, 69},
      {{TCPSERVER_PROGRAM, "--port", "0", "--pid-file", "/nowhere/at/all"}, 73},
      {{TCPCLIENT_PROGRAM, "--no-such-option"}, 64},
      {{TCPCLIENT_PROGRAM, "127.0.0.1", unused.port(), "--message", "x"}, 69},
      {{TCPBACKLOG_PROGRAM, "--no-such-option"}, 64},
      {{TCPBACKLOG_PROGRAM, "watch", unused.port()}, 69},
      {{TCPLOAD_PROGRAM, "--no-such-option"}, 64},
      {{TCPLOAD_PROGRAM, "--connections", "1", "127.0.0.1", unused.port()}, 69},
  };
  for (const auto& [command, status] : calls) expect_ending(command, {.errors_fd = pipe}, status);
}

TEST_F(BrokenPipe, ExitsWith74OnStandardOutput) {
  for (const char* program : {TCPSERVER_PROGRAM, TCPCLIENT_PROGRAM, TCPBACKLOG_PROGRAM, TCPLOAD_PROGRAM}) {
    for (const char* option : {"--help", "--version"}) {
      expect_ending({program, option}, {.output_fd = pipe}, 74);
    }
  }
  expect_ending({TCPBACKLOG_PROGRAM, "size", "--rate", "1", "--accept-time", "1ms"}, {.output_fd = pipe}, 74);
  expect_ending({TCPSERVER_PROGRAM, "--help"}, {.output_fd = pipe, .errors_fd = pipe}, 74);
}

// tcpclient dies of SIGPIPE like other filters.
TEST_F(BrokenPipe, KillsTcpclientButNoServer) {
  ServerProcess server({"-v", "--bind", "127.0.0.1"},
                       {.environment = {"TCPSERVER_UNKNOWN=1"}, .errors_fd = pipe});
  const auto port = std::to_string(server.port());
  expect_ending({TCPCLIENT_PROGRAM, "127.0.0.1", port, "--message", "x"}, {.output_fd = pipe}, -SIGPIPE);
  expect_ending({TCPCLIENT_PROGRAM, "127.0.0.1", port, "--clients", "2"}, {.output_fd = pipe}, -SIGPIPE);
  EXPECT_EQ(server.stop(), 0);
}

// Ctrl-C also ends the reader of the pipe.
TEST(EndBySignal, DoesNotNeedAReader) {
  ServerProcess server;
  const auto port = std::to_string(server.port());
  const std::pair<Words, const char*> calls[] = {
      {{TCPBACKLOG_PROGRAM, "watch", port, "--interval", "1h"}, " sessions open"},
      {{TCPLOAD_PROGRAM, "127.0.0.1", port, "--hold", "1h", "-c", "2"}, " 2 accepted"},
      {{TCPCLIENT_PROGRAM, "127.0.0.1", port, "--clients", "2", "--delay", "1h"}, " 4 accepted"}};
  for (const auto& [command, accepted] : calls) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    Process program(command, {.output_fd = ends[1]});
    ::close(ends[1]);
    char first = 0;
    if (command.front() == TCPBACKLOG_PROGRAM) {
      ASSERT_EQ(::read(ends[0], &first, 1), 1) << "no sample";
    }
    ASSERT_TRUE(server.status_shows(accepted)) << server.status();
    ::close(ends[0]);
    program.signal(SIGINT);
    EXPECT_EQ(program.wait(), -SIGINT) << program.errors();
    EXPECT_EQ(program.errors().find("Broken pipe"), std::string::npos);
  }
}

}  // namespace
