#include "tcpserver/server/options.hpp"

#include "harness/arguments.hpp"
#include "harness/text.hpp"
#include "harness/text_file.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::cli;
using namespace tcpserver::server;
using namespace std::chrono_literals;
using tcpserver::base::StartError;

ServerCommand parse(std::vector<std::string> words, std::vector<std::string> variables = {}) {
  words.insert(words.begin(), "tcpserver");
  const harness::Arguments arguments(std::move(words), std::move(variables));
  return parse_server_command(arguments.count(), arguments.argv(), arguments.environment());
}

TEST(ServerOptions, HaveTheDefaultsOfTheManual) {
  const auto options = parse({}).options;
  EXPECT_EQ(options.port, 54321);
  EXPECT_TRUE(options.bind.empty());
  EXPECT_FALSE(options.backlog.has_value());
  EXPECT_EQ(options.mode, Mode::fork);
  EXPECT_EQ(options.reap, Reap::handler);
  EXPECT_EQ(options.service.verb, Verb::echo);
  EXPECT_EQ(options.max_connections, 1000U);
  EXPECT_EQ(options.idle_timeout, 5min);
  EXPECT_EQ(options.drain_timeout, 10s);
  EXPECT_EQ(options.verbosity, Verbosity::normal);
  EXPECT_TRUE(options.config.empty());
}

// Two names of one thing: the stronger source has the last word, in one source the last that is on.
TEST(ServerOptions, VerboseAndQuietAreOneThing) {
  EXPECT_EQ(parse({"-v"}).options.verbosity, Verbosity::verbose);
  EXPECT_EQ(parse({"--quiet"}).options.verbosity, Verbosity::quiet);
  EXPECT_EQ(parse({"-v", "-q"}).options.verbosity, Verbosity::quiet);
  EXPECT_EQ(parse({"-q", "-v"}).options.verbosity, Verbosity::verbose);
  EXPECT_EQ(parse({}, {"TCPSERVER_VERBOSE=on"}).options.verbosity, Verbosity::verbose);
  EXPECT_EQ(parse({"-q"}, {"TCPSERVER_VERBOSE=on"}).options.verbosity, Verbosity::quiet);
  EXPECT_EQ(parse({"-v"}, {"TCPSERVER_QUIET=on"}).options.verbosity, Verbosity::verbose);
  const harness::TextFile file("quiet = on\n");
  EXPECT_EQ(parse({"--config", file.path()}).options.verbosity, Verbosity::quiet);
  EXPECT_EQ(parse({"--config", file.path()}, {"TCPSERVER_QUIET=off"}).options.verbosity, Verbosity::normal);
  EXPECT_EQ(parse({"--config", file.path(), "-v"}).options.verbosity, Verbosity::verbose);
  const harness::TextFile undecided("quiet = on\nquiet = off\n");
  EXPECT_EQ(parse({"--config", undecided.path()}).options.verbosity, Verbosity::normal);
  EXPECT_THROW(static_cast<void>(parse({}, {"TCPSERVER_QUIET=yes"})), StartError);
}

// Beaten values of two sources are checked apart: the same address in both is not "given twice".
TEST(ServerOptions, BindOfAFlagBeatsBothOthers) {
  const harness::TextFile file("bind = 127.0.0.1\n");
  const auto command = parse({"--config", file.path(), "--bind", "::1"}, {"TCPSERVER_BIND=127.0.0.1"});
  EXPECT_TRUE(command.warnings.empty());
  ASSERT_EQ(command.options.bind.size(), 1U);
  EXPECT_EQ(command.options.bind[0].host_text(), "::1");
}

// Each option with its letter, its variable, and a value that is not the default.
struct Sample {
  const char* name;
  const char* variable;
  const char* value;
  bool (*took)(const ServerOptions&);
};
const Sample samples[] = {
    {"--port", "TCPSERVER_PORT", "0", [](const ServerOptions& o) { return o.port == 0; }},
    {"-p", "TCPSERVER_PORT", "65535", [](const ServerOptions& o) { return o.port == 65535; }},
    {"--bind", "TCPSERVER_BIND", "::1",
     [](const ServerOptions& o) { return o.bind.at(0).text() == "[::1]:0"; }},
    {"-a", "TCPSERVER_BIND", "127.0.0.1,::1",
     [](const ServerOptions& o) { return o.bind.size() == 2 && o.bind[0].text() == "127.0.0.1:0"; }},
    {"--backlog", "TCPSERVER_BACKLOG", "128", [](const ServerOptions& o) { return o.backlog->value == 128; }},
    {"-b", "TCPSERVER_BACKLOG", "1", [](const ServerOptions& o) { return o.backlog->value == 1; }},
    {"--mode", "TCPSERVER_MODE", "iterative",
     [](const ServerOptions& o) { return o.mode == Mode::iterative; }},
    {"-m", "TCPSERVER_MODE", "iterative", [](const ServerOptions& o) { return o.mode == Mode::iterative; }},
    {"--reap", "TCPSERVER_REAP", "none", [](const ServerOptions& o) { return o.reap == Reap::none; }},
    {"--service", "TCPSERVER_SERVICE", "upper",
     [](const ServerOptions& o) { return o.service.verb == Verb::upper; }},
    {"-s", "TCPSERVER_SERVICE", "upper",
     [](const ServerOptions& o) { return o.service.verb == Verb::upper; }},
    {"--max-connections", "TCPSERVER_MAX_CONNECTIONS", "1",
     [](const ServerOptions& o) { return o.max_connections == 1; }},
    {"-c", "TCPSERVER_MAX_CONNECTIONS", "4194304",
     [](const ServerOptions& o) { return o.max_connections == 4194304; }},
    {"--idle-timeout", "TCPSERVER_IDLE_TIMEOUT", "250ms",
     [](const ServerOptions& o) { return o.idle_timeout == 250ms; }},
    {"--drain-timeout", "TCPSERVER_DRAIN_TIMEOUT", "0",
     [](const ServerOptions& o) { return o.drain_timeout == 0s; }},
    {"--pid-file", "TCPSERVER_PID_FILE", "/run/x",
     [](const ServerOptions& o) { return o.pid_file == "/run/x"; }},
    {"--user", "TCPSERVER_USER", "nobody:4711",
     [](const ServerOptions& o) { return o.user->user == "nobody" && o.user->group == "4711"; }},
    {"--user", "TCPSERVER_USER", "4711",
     [](const ServerOptions& o) { return o.user->user == "4711" && o.user->group.empty(); }},
    {"--log", "TCPSERVER_LOG", "syslog",
     [](const ServerOptions& o) { return o.log_target() == LogTarget::syslog; }},
};

TEST(ServerOptions, ADaemonsLogIsTheSystemsUnlessItIsSaidOtherwise) {
  EXPECT_EQ(parse({}).options.log_target(), LogTarget::stderr_stream);
  EXPECT_EQ(parse({"--daemonize"}).options.log_target(), LogTarget::syslog);
  EXPECT_EQ(parse({}, {"TCPSERVER_DAEMONIZE=on"}).options.log_target(), LogTarget::syslog);
  EXPECT_EQ(parse({"-d", "--log", "stderr"}).options.log_target(), LogTarget::stderr_stream);
}

// A daemon leaves the directory in which it was started.
TEST(ServerOptions, RelativePathsBeginWhereTheProgramWasStarted) {
  const harness::TextFile file("max-connections = 7\n");
  const auto slash = file.path().rfind('/');
  const harness::Arguments arguments(
      {"tcpserver", "--config", file.path().substr(slash + 1), "--pid-file", "a/b"}, {});
  const auto options = parse_server_command(arguments.count(), arguments.argv(), arguments.environment(),
                                            file.path().substr(0, slash))
                           .options;
  EXPECT_EQ(options.max_connections, 7U);
  EXPECT_EQ(options.pid_file, file.path().substr(0, slash) + "/a/b");
}

TEST(ServerOptions, ComeFromFlagsAndFromVariablesAlike) {
  for (const auto& sample : samples) {
    EXPECT_TRUE(sample.took(parse({sample.name, sample.value}).options)) << sample.name;
    EXPECT_TRUE(sample.took(parse({}, {std::string(sample.variable) + "=" + sample.value}).options))
        << sample.variable;
  }
}

TEST(ServerOptions, BacklogKeepsWhoAskedAndWhat) {
  EXPECT_EQ(parse({"-b", "0128"}).options.backlog->source, "--backlog");
  EXPECT_EQ(parse({"-b", "0128"}).options.backlog->text, "0128");
  EXPECT_EQ(parse({}, {"TCPSERVER_BACKLOG=9"}).options.backlog->source, "TCPSERVER_BACKLOG");
  EXPECT_EQ(parse({"-b", "99999999999999999999"}).options.backlog->value, UINT64_MAX);
}

TEST(ServerOptions, BindAddsAndTheFlagBeatsAllOfTheVariable) {
  EXPECT_EQ(parse({"--bind", "::1", "--bind", "127.0.0.1"}).options.bind.size(), 2U);
  const auto options = parse({"--bind", "::1"}, {"TCPSERVER_BIND=127.0.0.1,127.0.0.2"}).options;
  ASSERT_EQ(options.bind.size(), 1U);
  EXPECT_EQ(options.bind[0].host_text(), "::1");
}

struct BadValue {
  const char* name;
  const char* value;
  const char* message_part;
};
const BadValue bad_values[] = {
    {"--port", "", "'' is not a port: a whole number from 0 to 65535"},
    {"--port", "80x", "'80x' is not a port"},
    {"--port", "65536", "'65536' is not a port"},
    {"--port", "-1", "'-1' is not a port"},
    {"--port", "http", "'http' is not a port"},
    {"--bind", "localhost", "'localhost' is not a numeric address"},
    {"--bind", "", "'' is not a numeric address"},
    {"--bind", "::1,", "'' is not a numeric address"},
    {"--bind", "[::1]", "'[::1]' is not a numeric address"},
    {"--bind", "::1,::1", "'::1' is not a further address: it is given twice"},
    {"--bind", "ff02::1", "'ff02::1' is not an address to listen on: TCP knows no multicast"},
    {"--bind", "224.0.0.1", "'224.0.0.1' is not an address to listen on"},
    {"--backlog", "0", "'0' is not a backlog: a whole number of 1 or more"},
    {"--backlog", "-1", "(0 and negatives mean different things on different systems)"},
    {"--backlog", "many", "'many' is not a backlog"},
    {"--backlog", "", "'' is not a backlog"},
    {"--backlog", "1.5", "'1.5' is not a backlog"},
    {"--pid-file", "", "'' is not a file's name"},
    {"--user", "", "'' is not USER or USER:GROUP"},
    {"--user", ":4711", "':4711' is not USER or USER:GROUP"},
    {"--user", "nobody:", "'nobody:' is not USER or USER:GROUP"},
    {"--user", "a:b:c", "'a:b:c' is not USER or USER:GROUP"},
    {"--user", "-1", "'-1' is not USER or USER:GROUP"},
    {"--user", "no body", "'no body' is not USER or USER:GROUP"},
    {"--log", "file", "'file' is not a place for the log: stderr or syslog"},
    {"--mode", "thread", "'thread' is not a mode: fork or iterative"},
    {"--mode", "Fork", "'Fork' is not a mode"},
    {"--reap", "", "'' is not a way to reap: handler or none"},
    {"--service", "lower", "'lower' is not a service: echo or upper"},
    {"--max-connections", "0", "'0' is not a number of connections: a whole number from 1 to 4194304"},
    {"--max-connections", "4194305", "'4194305' is not a number of connections"},
    {"--idle-timeout", "soon", "'soon' is not a duration: 800us, 250ms, 2s, 5m or 1h"},
    {"--drain-timeout", "-1s", "'-1s' is not a duration"},
};

TEST(ServerOptions, RefuseBadValuesOfFlagsAndVariablesAlike) {
  const auto refusal = [](const std::vector<std::string>& words, const std::vector<std::string>& variables) {
    try {
      static_cast<void>(parse(words, variables));
    } catch (const StartError& error) {
      EXPECT_EQ(error.status(), tcpserver::base::ExitStatus::usage);
      return std::string(error.what());
    }
    return std::string("it was taken");
  };
  for (const auto& bad : bad_values) {
    std::string variable = "TCPSERVER_";
    for (const char c : std::string_view(bad.name).substr(2)) {
      variable += c == '-' ? '_' : static_cast<char>(std::toupper(c));
    }
    const auto by_flag = refusal({bad.name, bad.value}, {});
    EXPECT_TRUE(by_flag.starts_with(std::string(bad.name) + ": ")) << by_flag;
    EXPECT_TRUE(contains(by_flag, bad.message_part));
    EXPECT_FALSE(contains(by_flag, "\n"));
    const auto by_variable = refusal({}, {variable + "=" + bad.value});
    EXPECT_EQ(by_variable, variable + by_flag.substr(std::string(bad.name).size()));
  }
}

TEST(ServerOptions, RefuseMoreAddressesThanAnyMachineNeeds) {
  std::string list = "127.0.0.1";
  for (std::size_t i = 2; i <= most_addresses; ++i) list += ",127.0.0." + std::to_string(i);
  EXPECT_EQ(parse({"--bind", list}).options.bind.size(), most_addresses);
  EXPECT_THROW(static_cast<void>(parse({"--bind", list + ",127.0.1.1"})), StartError);
}

}  // namespace
