#include "harness/server_process.hpp"

namespace {

using namespace harness;

// The interface changes on purpose only.
TEST(Usage, HelpIsTheGoldenFileAndVersionNamesTheProgram) {
  for (const std::string program :
       {TCPSERVER_PROGRAM, TCPCLIENT_PROGRAM, TCPBACKLOG_PROGRAM, TCPLOAD_PROGRAM}) {
    const auto name = program.substr(program.rfind('/') + 1);
    const auto help = run({program, "--help"});
    EXPECT_EQ(help.ending, 0);
    EXPECT_EQ(help.errors, "");
    EXPECT_EQ(help.output, golden(name + "_help.txt"));
    EXPECT_EQ(run({program, "-h"}).output, help.output);
    const auto version = run({program, "--version"});
    EXPECT_EQ(version.ending, 0);
    EXPECT_TRUE(version.output.starts_with(name + " ")) << version.output;
    EXPECT_EQ(version.output, run({program, "-V"}).output);
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
    EXPECT_TRUE(fails(result, 64, words));
    EXPECT_EQ(lines_of(result.errors).size(), 1U) << result.errors;
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
