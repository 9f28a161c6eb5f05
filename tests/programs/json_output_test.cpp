#include "harness/json.hpp"
#include "harness/server_process.hpp"
#include "programs/daemon.hpp"

// With --log-format json, a program reads standard output and standard error as lines of JSON.
namespace {

using namespace harness;

using Words = std::vector<std::string>;

// Runs a command whose two streams share one pipe.
Finished run_on_one_pipe(const Words& options, const Words& variables = {}) {
  Words command{"/bin/sh", "-c", "exec \"$0\" \"$@\" 2>&1", TCPSERVER_PROGRAM};
  command.insert(command.end(), options.begin(), options.end());
  return run(command, {.environment = variables});
}

// Returns "LEVEL EVENT" of each line. Fails the test if a line is not JSON.
Words read_events(const std::string& text) {
  Words events;
  for (const auto& line : split_lines(text)) {
    try {
      events.push_back(Json(line).values("level event"));
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what() << ": " << line;
    }
  }
  return events;
}

struct BadCall {
  Words options;
  Words variables;
  std::string file;
  const char* said;
};

void expect_one_error(const BadCall& call, const std::string& event) {
  const TextFile file(call.file);
  auto options = call.options;
  if (!call.file.empty()) options.insert(options.end(), {"--config", file.path()});
  const auto result = run_on_one_pipe(options, call.variables);
  const auto shown = ::testing::PrintToString(options) + ::testing::PrintToString(call.variables);
  EXPECT_NE(result.ending, 0) << shown;
  EXPECT_EQ(read_events(result.output), Words{"error " + event}) << shown << result.output;
  EXPECT_TRUE(contains(result.output, call.said)) << shown;
}

TEST(JsonOutput, HasTheErrorsOfOptions) {
  const Words from_variable{"TCPSERVER_LOG_FORMAT=json"};
  const BadCall calls[] = {
      {{"--log-format", "json", "--prot"}, {}, "", "--prot"},
      {{"--prot", "--log-format=json"}, {}, "", "--prot"},
      {{"-vz", "--log-format=json"}, {}, "", "-z"},
      {{"7300", "--log-format=json"}, {}, "", "7300"},
      {{"--port", "x", "--log-format", "json"}, {}, "", "--port"},
      {{"--log-format", "json", "--port"}, {}, "", "needs a value"},
      {{"--log-format", "json", "-vp"}, {}, "", "needs a value"},
      {{"--log-format", "json", "--help=x"}, {}, "", "--help"},
      {{"--log-format", "json", "--config", "/nonexistent/file"}, {}, "", "/nonexistent/file"},
      {{"--log-format", "json", "--config", ""}, {}, "", "--config"},
      {{"--log-format", "json"}, {"TCPSERVER_PORT=x"}, "", "TCPSERVER_PORT"},
      {{"--log-format", "json"}, {}, "port = x\n", "line 1: port"},
      {{"--log-format", "json", "--status", "--test"}, {}, "", "--status"},
      {{"--log-format", "jsn", "--log-format=json"}, {}, "", "--log-format"},
      {{"--prot"}, from_variable, "", "--prot"},
      {{"--port", "x"}, from_variable, "", "--port"},
      {{}, {"TCPSERVER_LOG_FORMAT=json", "TCPSERVER_PORT=x"}, "", "TCPSERVER_PORT"},
      {{"--config", "/nonexistent/file"}, from_variable, "", "/nonexistent/file"},
      {{}, from_variable, "port = x\n", "line 1: port"},
      {{}, {}, "log-format = json\nport = x\n", "line 2: port"},
      {{}, {}, "nonsense\nlog-format = json\n", "line 1"},
      {{"--prot"}, {}, "log-format = json\n", "--prot"},
      {{"-p", "x"}, {}, "log-format = json\n", "--port"},
      {{}, {"TCPSERVER_PORT=x"}, "log-format = json\n", "TCPSERVER_PORT"},
  };
  for (const auto& call : calls) expect_one_error(call, "option_error");
}

// A stronger source selects text, or the words are no flag.
TEST(JsonOutput, IsNotUsedIfTextIsSelected) {
  const Words from_variable{"TCPSERVER_LOG_FORMAT=json"};
  for (const auto& [options, variables] : {
           std::pair{Words{"--prot", "--log-format", "text"}, from_variable},
           std::pair{Words{"--log-format=json", "--log-format=text", "--prot"}, Words{}},
           std::pair{Words{"--prot", "--pid-file", "--log-format=json"}, Words{}},
           std::pair{Words{"-a", "--log-format=json", "--prot"}, Words{}},
           std::pair{Words{"--prot", "--", "--log-format=json"}, Words{}},
       }) {
    EXPECT_TRUE(run_on_one_pipe(options, variables).output.starts_with("tcpserver: "))
        << ::testing::PrintToString(options);
  }
}

TEST(JsonOutput, ReportsErrorsOfTheStart) {
  ServerProcess other({"--bind", "127.0.0.1"});
  const auto port = std::to_string(other.port());
  const Words json{"--log-format", "json", "--bind", "127.0.0.1"};
  const auto with = [&](Words more) {
    more.insert(more.begin(), json.begin(), json.end());
    return more;
  };
  const BadCall calls[] = {
      {with({"--port", port}), {}, "", "cannot listen"},
      {with({"--port", port, "--daemonize", "--log", "stderr"}), {}, "", "cannot listen"},
      {with({"--user", "no-such-user"}), {}, "", "no-such-user"},
      {with({"--port", "0", "--pid-file", "/nonexistent/pid"}), {}, "", "/nonexistent/pid"},
  };
  for (const auto& call : calls) expect_one_error(call, "start_error");
}

TEST(JsonOutput, HasTheErrorsOfStatus) {
  const BadCall calls[] = {
      {{"--log-format", "json", "--status", "--port", "0"}, {}, "", "--port 0"},
      {{"--status", "--log-format=json", "--pid-file", "/nonexistent/pid"}, {}, "", "/nonexistent/pid"}};
  for (const auto& call : calls) expect_one_error(call, "status_error");
}

TEST(JsonOutput, HasTheWarningsOfOptions) {
  const Words variables{"TCPSERVER_LOG_FORMAT=json", "TCPSERVER_BACKLOK=5"};
  const auto test = run_on_one_pipe({"--test", "--port", "x", "--backlog", "0"}, variables);
  EXPECT_EQ(read_events(test.output),
            (Words{"warning option_warning", "error option_error", "error option_error"}));
  const auto status = run_on_one_pipe({"--status", "--port", "0"}, variables);
  EXPECT_EQ(read_events(status.output), (Words{"warning option_warning", "error status_error"}));
}

TEST(JsonOutput, HasTheValuesInEffect) {
  const TextFile file("pid-file = /tmp/a b.pid\n");
  const auto result = run_on_one_pipe(
      {"--test", "--log-format", "json", "--port", "7300", "--config", file.path()}, {"TCPSERVER_BACKLOG=9"});
  EXPECT_EQ(result.ending, 0);
  std::string values;
  for (const auto& line : split_lines(result.output)) {
    const Json json(line);
    EXPECT_EQ(json.keys(), "option value source");
    values += json.values("option value source") + "\n";
  }
  EXPECT_TRUE(contains(values, "port 7300 --port\n"));
  EXPECT_TRUE(contains(values, "backlog 9 TCPSERVER_BACKLOG\n"));
  EXPECT_TRUE(contains(values, "pid-file /tmp/a b.pid " + file.path() + " line 1\n"));
}

// The announcement is a log event, even with --quiet.
TEST(JsonOutput, LeavesStandardOutputEmpty) {
  for (const char* verbosity : {"--verbose", "--quiet"}) {
    Process server(command_line({}, {"--port", "0", "--bind", "127.0.0.1,::1", "--log-format", "json",
                                     "--mode", "iterative", verbosity}));
    ASSERT_TRUE(server.says("\"listener\": \"[::1]:"));
    EXPECT_TRUE(ClientSocket(logged_port(server.errors())).connected());
    server.signal(SIGUSR1);
    EXPECT_TRUE(server.says("\"status\""));
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait(), 0);
    EXPECT_EQ(server.output(), "");
    static_cast<void>(read_events(server.errors()));
  }
}

// The system log may be missing, which is one more line.
TEST_F(Daemon, ReportsAFailedStartAsJson) {
  const auto started = start({"--log-format", "json", "--user", "no-such-user"});
  EXPECT_EQ(started.ending, 67);
  EXPECT_EQ(started.output, "");
  EXPECT_EQ(read_events(started.errors).back(), "error start_error");
  EXPECT_EQ(occurrences(started.errors, "no-such-user"), 1U);
}

TEST_F(Daemon, LogsItsStartAsJson) {
  const auto started = start({"--log-format", "json"});
  EXPECT_EQ(started.ending, 0);
  EXPECT_EQ(started.output, "");
  EXPECT_TRUE(contains(in_one_line(::testing::PrintToString(read_events(started.errors))), "listening"));
  EXPECT_TRUE(ClientSocket(logged_port(started.errors)).connected());
  stop();
}

}  // namespace
