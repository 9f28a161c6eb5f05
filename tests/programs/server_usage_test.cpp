#include "harness/client_socket.hpp"
#include "harness/golden.hpp"
#include "harness/server_process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace harness;

// The interface changes on purpose only.
TEST(Usage, HelpIsWhatTheGoldenFilesSay) {
  const auto server = run({TCPSERVER_PROGRAM, "--help"});
  EXPECT_EQ(server.ending, 0);
  EXPECT_EQ(server.errors, "");
  EXPECT_EQ(server.output, golden("tcpserver_help.txt"));
  const auto client = run({TCPCLIENT_PROGRAM, "-h"});
  EXPECT_EQ(client.ending, 0);
  EXPECT_EQ(client.output, golden("tcpclient_help.txt"));
  const auto backlog = run({TCPBACKLOG_PROGRAM, "--help"});
  EXPECT_EQ(backlog.ending, 0);
  EXPECT_EQ(backlog.output, golden("tcpbacklog_help.txt"));
  const auto load = run({TCPLOAD_PROGRAM, "--help"});
  EXPECT_EQ(load.ending, 0);
  EXPECT_EQ(load.output, golden("tcpload_help.txt"));
}

TEST(Usage, VersionNamesTheProgram) {
  for (const char* program : {TCPSERVER_PROGRAM, TCPCLIENT_PROGRAM, TCPBACKLOG_PROGRAM, TCPLOAD_PROGRAM}) {
    const auto result = run({program, "--version"});
    EXPECT_EQ(result.ending, 0);
    const std::string name = std::string(program).substr(std::string(program).rfind('/') + 1);
    EXPECT_TRUE(result.output.starts_with(name + " ")) << result.output;
    EXPECT_EQ(result.output, run({program, "-V"}).output);
  }
}

TEST(Usage, HelpThatCannotBeWrittenIsAnError) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  const auto result = run({TCPSERVER_PROGRAM, "--help"}, {.output_fd = full});
  ::close(full);
  EXPECT_EQ(result.ending, 74);
  EXPECT_EQ(result.errors, "tcpserver: cannot write to standard output: No space left on device\n");
}

struct BadCall {
  std::vector<std::string> options;
  std::vector<std::string> variables;
  const char* line;
};
const BadCall bad_calls[] = {
    {{"--port", "80x"},
     {},
     "--port: '80x' is not a port: a whole number from 0 to 65535, where 0 takes a free one"},
    {{"--port", "65536"},
     {},
     "--port: '65536' is not a port: a whole number from 0 to 65535, where 0 takes a free one"},
    {{"--port"}, {}, "--port needs a value: --port PORT"},
    {{"-p", ""}, {}, "--port: '' is not a port: a whole number from 0 to 65535, where 0 takes a free one"},
    {{"--frobnicate"}, {}, "unknown option '--frobnicate' (tcpserver --help lists them all)"},
    {{"-z"}, {}, "unknown option '-z' (tcpserver --help lists them all)"},
    {{"--backlok", "5"},
     {},
     "unknown option '--backlok'; did you mean --backlog? (tcpserver --help lists them all)"},
    {{"54321"}, {}, "unexpected argument '54321': tcpserver takes options only"},
    {{"--max-connections", "0"},
     {},
     "--max-connections: '0' is not a number of connections: a whole number from 1 to 4194304"},
    {{"--backlog", "0"},
     {},
     "--backlog: '0' is not a backlog: a whole number of 1 or more, clamped to SOMAXCONN (0 and negatives "
     "mean "
     "different things on different systems)"},
    {{},
     {"TCPSERVER_BACKLOG="},
     "TCPSERVER_BACKLOG: '' is not a backlog: a whole number of 1 or more, clamped to SOMAXCONN (0 and "
     "negatives mean "
     "different things on different systems)"},
    {{}, {"TCPSERVER_MODE=thread"}, "TCPSERVER_MODE: 'thread' is not a mode: fork or iterative"},
    {{"--bind", "example.org"},
     {},
     "--bind: 'example.org' is not a numeric address: IPv4 such as 127.0.0.1, or IPv6 such as ::1 or "
     "fe80::1%eth0, no "
     "brackets"},
};

TEST(Usage, BadInputGetsOneClearLineStatus64AndNothingStarts) {
  for (const auto& call : bad_calls) {
    std::vector<std::string> command{TCPSERVER_PROGRAM};
    command.insert(command.end(), call.options.begin(), call.options.end());
    const auto result = run(command, {.environment = call.variables});
    EXPECT_EQ(result.ending, 64) << call.line;
    EXPECT_EQ(result.output, "");
    EXPECT_EQ(result.errors, std::string("tcpserver: ") + call.line + "\n");
  }
}

TEST(Usage, TheFlagBeatsTheVariableAndTheVariableTheDefault) {
  ServerProcess by_variable({}, {.environment = {"TCPSERVER_MAX_CONNECTIONS=7"}});
  EXPECT_NE(by_variable.status().find("0 of 7 sessions"), std::string::npos);
  ServerProcess by_flag({"-c", "8"}, {.environment = {"TCPSERVER_MAX_CONNECTIONS=7"}});
  EXPECT_NE(by_flag.status().find("0 of 8 sessions"), std::string::npos);
  ServerProcess by_default;
  EXPECT_NE(by_default.status().find("0 of 1000 sessions"), std::string::npos);
}

TEST(Usage, WarnsOfVariablesThatHaveNoEffect) {
  ServerProcess server({"-c", "8"}, {.environment = {"TCPSERVER_BACKLOK=5", "TCPSERVER_MAX_CONNECTIONS=x"}});
  EXPECT_EQ(server.stop(), 0);
  const auto& errors = server.process().errors();
  EXPECT_NE(
      errors.find("tcpserver: warning: the variable 'TCPSERVER_BACKLOK' is not one of tcpserver's and has no "
                  "effect; did you mean TCPSERVER_BACKLOG?\n"),
      std::string::npos)
      << errors;
  EXPECT_NE(errors.find("tcpserver: warning: TCPSERVER_MAX_CONNECTIONS: 'x' is not a number of connections"),
            std::string::npos)
      << errors;
}

}  // namespace
