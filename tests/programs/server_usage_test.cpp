#include "harness/server_process.hpp"

namespace {

using namespace harness;

// The interface changes on purpose only.
TEST(Usage, HelpIsWhatTheGoldenFilesSay) {
  const struct {
    const char* program;
    const char* file;
  } programs[] = {{TCPSERVER_PROGRAM, "tcpserver_help.txt"},
                  {TCPCLIENT_PROGRAM, "tcpclient_help.txt"},
                  {TCPBACKLOG_PROGRAM, "tcpbacklog_help.txt"},
                  {TCPLOAD_PROGRAM, "tcpload_help.txt"}};
  for (const auto& [program, file] : programs) {
    const auto help = run({program, "--help"});
    EXPECT_EQ(help.ending, 0);
    EXPECT_EQ(help.errors, "");
    EXPECT_EQ(help.output, golden(file));
    EXPECT_EQ(run({program, "-h"}).output, help.output);
  }
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

// The tests of the options try other bad values.
TEST(Usage, BadInputGetsOneLineAndStatus64) {
  const struct {
    std::vector<std::string> options;
    std::vector<std::string> variables;
    const char* words;
  } bad_calls[] = {{{"--port", "80x"}, {}, "--port: '80x' is not a port"},
                   {{"--port"}, {}, "--port needs a value"},
                   {{"-p", ""}, {}, "--port: '' is not a port"},
                   {{"--frobnicate"}, {}, "unknown option '--frobnicate'"},
                   {{"-z"}, {}, "unknown option '-z'"},
                   {{"--backlok", "5"}, {}, "did you mean --backlog?"},
                   {{"54321"}, {}, "unexpected argument '54321'"},
                   {{}, {"TCPSERVER_BACKLOG="}, "TCPSERVER_BACKLOG: ''"},
                   {{}, {"TCPSERVER_MODE=thread"}, "TCPSERVER_MODE: 'thread'"}};
  for (const auto& [options, variables, words] : bad_calls) {
    const auto result = run(command_line({}, options), {.environment = variables});
    EXPECT_EQ(result.ending, 64) << words;
    EXPECT_EQ(result.output, "");
    EXPECT_EQ(lines_of(result.errors).size(), 1U) << result.errors;
    EXPECT_TRUE(contains(result.errors, words));
  }
}

TEST(Usage, WarnsOfVariablesThatHaveNoEffect) {
  ServerProcess server({"-c", "8"}, {.environment = {"TCPSERVER_BACKLOK=5", "TCPSERVER_MAX_CONNECTIONS=x"}});
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(contains(server.log(), "'TCPSERVER_BACKLOK'"));
  EXPECT_TRUE(contains(server.log(), "did you mean TCPSERVER_BACKLOG?"));
  EXPECT_TRUE(contains(server.log(), "TCPSERVER_MAX_CONNECTIONS: 'x' is not a number"));
}

}  // namespace
