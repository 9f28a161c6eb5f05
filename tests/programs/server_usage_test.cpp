#include "harness/server_process.hpp"

namespace {

using namespace harness;

// The interface changes on purpose only.
TEST(Usage, HelpMatchesTheGoldenFile) {
  for (const std::string program :
       {TCPSERVER_PROGRAM, TCPCLIENT_PROGRAM, TCPBACKLOG_PROGRAM, TCPLOAD_PROGRAM}) {
    const auto name = program.substr(program.rfind('/') + 1);
    const auto help = run({program, "--help"});
    EXPECT_EQ(help.ending, 0);
    EXPECT_EQ(help.errors, "");
    EXPECT_EQ(help.output, golden(name + "_help.txt"));
    const auto short_help = run({program, "-h"});
    EXPECT_EQ(short_help.ending, 0);
    EXPECT_TRUE(contains(short_help.output, "Usage: " + name));
    EXPECT_LE(split_lines(short_help.output).size(), 24U) << "it fits one screen";
    const auto version = run({program, "--version"});
    EXPECT_EQ(version.ending, 0);
    EXPECT_TRUE(version.output.starts_with(name + " ")) << version.output;
    EXPECT_TRUE(contains(version.output, "License: MIT"));
    EXPECT_EQ(version.output, run({program, "-V"}).output);
  }
}

// The tests of the options try other bad values.
TEST(Usage, BadInputPrintsOneLineAndExitsWith64) {
  const struct {
    std::vector<std::string> options;
    std::vector<std::string> variables;
    const char* words;
  } bad_calls[] = {{{"--port", "80x"}, {}, "--port: invalid value '80x'"},
                   {{"--port"}, {}, "--port needs a value"},
                   {{"-p", ""}, {}, "--port: invalid value ''"},
                   {{"--frobnicate"}, {}, "unknown option '--frobnicate'"},
                   {{"-z"}, {}, "unknown option '-z'"},
                   {{"--backlok", "5"}, {}, "did you mean --backlog?"},
                   {{"54321"}, {}, "did you mean --port 54321?"},
                   {{"127.0.0.1:80"}, {}, "did you mean --bind 127.0.0.1 --port 80?"},
                   {{"a\nb:80"}, {}, "did you mean --bind 'a\\x0ab' --port 80?"},
                   {{"a:b\nc"}, {}, "takes only options"},
                   {{"[::1]:80"}, {}, "did you mean --bind ::1 --port 80?"},
                   {{"--test", "--status"}, {}, "exclude each other"},
                   {{}, {"TCPSERVER_BACKLOG=x"}, "TCPSERVER_BACKLOG: invalid value 'x'"},
                   {{}, {"TCPSERVER_MODE=thread"}, "TCPSERVER_MODE: invalid value 'thread'"}};
  for (const auto& [options, variables, words] : bad_calls) {
    const auto result = run(command_line({}, options), {.environment = variables});
    EXPECT_TRUE(fails(result, 64, words));
    EXPECT_EQ(split_lines(result.errors).size(), 1U) << result.errors;
  }
}

// It runs beside a server, with the same options, and changes nothing.
TEST(Usage, TestChecksTheConfigurationBesideALiveServer) {
  const TextFile file;
  const auto& config = file.path();
  const TextFile pid_file;
  file.write("max-connections = 7\npid-file = " + pid_file.path() + "\n");
  ServerProcess server({"--config", config});
  const auto port = std::to_string(server.port());
  const auto before = read_text(pid_file.path());
  const auto test = [&](const std::vector<std::string>& more) {
    std::vector<std::string> options{"--test", "--port", port, "--config", config};
    options.insert(options.end(), more.begin(), more.end());
    return run(command_line({}, options));
  };
  const auto good = test({});
  EXPECT_EQ(good.ending, 0) << good.errors;
  EXPECT_EQ(good.errors, "");
  EXPECT_TRUE(contains(good.output, "port = " + port + "  (--port)"));
  EXPECT_TRUE(contains(good.output, "max-connections = 7  (" + config + " line 1)"));
  EXPECT_EQ(read_text(pid_file.path()), before);

  file.write("max-connections = x\nport = 80\nnonsense\n");
  const auto bad = test({});
  EXPECT_EQ(bad.ending, 78);
  EXPECT_EQ(bad.output, "");
  EXPECT_EQ(split_lines(bad.errors).size(), 2U) << bad.errors;
  EXPECT_EQ(test({"--config", "/nowhere/x"}).ending, 66);
  EXPECT_EQ(test({"--mode", "thread"}).ending, 64);
  file.write("user = no-such-user\n");
  EXPECT_EQ(test({}).ending, 67);
  EXPECT_EQ(server.stop(), 0);
}

TEST(Usage, TestFindsWhatWouldStopAStart) {
  for (const std::string option : {"--record", "--metrics-file", "--pid-file"}) {
    const auto path = option == "--record" ? "/nonexistent" : "/nonexistent/x";
    EXPECT_TRUE(
        fails(run(command_line({}, {"--test", option, path})), 73, option + ": directory /nonexistent"));
  }
  const TextFile file("user = no-such-user\n");
  EXPECT_TRUE(fails(run(command_line({}, {"--test", "--config", file.path()})), 67, "line 1: user: "));
}

TEST(Usage, WarnsAboutVariablesWithoutEffect) {
  ServerProcess server({"-c", "8"}, {.environment = {"TCPSERVER_BACKLOK=5", "TCPSERVER_MAX_CONNECTIONS=x"}});
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(contains(server.log(), "'TCPSERVER_BACKLOK'"));
  EXPECT_TRUE(contains(server.log(), "did you mean TCPSERVER_BACKLOG?"));
  EXPECT_TRUE(contains(server.log(), "TCPSERVER_MAX_CONNECTIONS: invalid value 'x'"));
}

}  // namespace
