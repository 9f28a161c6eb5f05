#include "harness/own_listener.hpp"
#include "harness/process.hpp"
#include "harness/server_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

// Programs whose output has no reader.
namespace {

using namespace harness;

using Words = std::vector<std::string>;

// The end of a pipe that nobody reads.
class BrokenPipe {
 public:
  BrokenPipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    ::close(ends[0]);
    fd_ = ends[1];
  }
  ~BrokenPipe() { ::close(fd_); }
  BrokenPipe(const BrokenPipe&) = delete;
  BrokenPipe& operator=(const BrokenPipe&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

// SIGPIPE with its default action, and ignored, as under some service managers.
std::array<Words, 2> with_and_without_sigpipe(const Words& command) {
  Words ignored{"/bin/sh", "-c", "trap '' PIPE; exec \"$0\" \"$@\""};
  ignored.insert(ignored.end(), command.begin(), command.end());
  return {command, ignored};
}

void expect_ending(const Words& command, const SpawnOptions& options, Ending expected) {
  for (const auto& words : with_and_without_sigpipe(command)) {
    EXPECT_EQ(run(words, options).ending, expected)
        << words.front() << " " << command[0] << " " << command[1];
  }
}

TEST(BrokenPipe, OnStandardErrorKeepsExitStatus) {
  OwnListener nobody;
  nobody.close();
  const BrokenPipe pipe;
  const std::string no_address = "192.0.2.7";  // RFC 5737
  const std::vector<std::pair<Words, Ending>> calls{
      {{TCPSERVER_PROGRAM, "--port", "99999"}, 64},
      {{TCPSERVER_PROGRAM, "--port", "0", "--bind", no_address}, 69},
      {{TCPSERVER_PROGRAM, "--port", "0", "--bind", no_address, "--log-format", "json"}, 69},
      {{TCPSERVER_PROGRAM, "--port", "0", "--bind", no_address, "--daemonize"}, 69},
      {{TCPSERVER_PROGRAM, "--port", "0", "--pid-file", "/nowhere/at/all"}, 73},
      {{TCPCLIENT_PROGRAM, "--no-such-option"}, 64},
      {{TCPCLIENT_PROGRAM, "127.0.0.1", nobody.port(), "--message", "x"}, 69},
      {{TCPBACKLOG_PROGRAM, "--no-such-option"}, 64},
      {{TCPBACKLOG_PROGRAM, "watch", nobody.port()}, 69},
      {{TCPLOAD_PROGRAM, "--no-such-option"}, 64},
      {{TCPLOAD_PROGRAM, "--connections", "1", "127.0.0.1", nobody.port()}, 69},
  };
  for (const auto& [command, status] : calls) expect_ending(command, {.errors_fd = pipe.fd()}, status);
}

TEST(BrokenPipe, OnStandardOutputExitsWith74) {
  const BrokenPipe pipe;
  for (const char* program : {TCPSERVER_PROGRAM, TCPCLIENT_PROGRAM, TCPBACKLOG_PROGRAM, TCPLOAD_PROGRAM}) {
    for (const char* option : {"--help", "--version"}) {
      expect_ending({program, option}, {.output_fd = pipe.fd()}, 74);
    }
  }
  expect_ending({TCPBACKLOG_PROGRAM, "size", "--rate", "1", "--accept-time", "1ms"}, {.output_fd = pipe.fd()},
                74);
}

TEST(BrokenPipe, OnBothOutputsExitsWith74) {
  const BrokenPipe pipe;
  expect_ending({TCPSERVER_PROGRAM, "--help"}, {.output_fd = pipe.fd(), .errors_fd = pipe.fd()}, 74);
}

// tcpclient dies by SIGPIPE like other filters.
TEST(BrokenPipe, OnStandardOutputEndsTcpclientBySigpipe) {
  const BrokenPipe pipe;
  ServerProcess server({"--bind", "127.0.0.1"});
  const auto port = std::to_string(server.port());
  expect_ending({TCPCLIENT_PROGRAM, "127.0.0.1", port, "--message", "x"}, {.output_fd = pipe.fd()}, -SIGPIPE);
  expect_ending({TCPCLIENT_PROGRAM, "127.0.0.1", port, "--clients", "2"}, {.output_fd = pipe.fd()}, -SIGPIPE);
}

}  // namespace
