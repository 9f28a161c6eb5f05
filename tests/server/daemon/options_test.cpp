#include "tcpserver/server/options.hpp"

#include "harness/arguments.hpp"
#include "harness/temporary_directory.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <sstream>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::cli;
using namespace tcpserver::server;
using namespace std::chrono_literals;

ServerCommand parse(std::vector<std::string> flags, std::vector<std::string> variables = {}) {
  flags.insert(flags.begin(), "tcpserver");
  const harness::Arguments arguments(std::move(flags), std::move(variables));
  ServerCommand command;
  parse_server_command(command, arguments.count(), arguments.argv(), arguments.environment());
  return command;
}

std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), {}};
}

// Both options set one member: the source with the higher priority wins; within a source, the last option
// that is on.
TEST(ServerOptions, VerboseAndQuietOverrideEachOther) {
  const harness::TextFile quiet("quiet = on\n");
  const harness::TextFile undecided("quiet = off\nverbose = no\n");
  const struct {
    std::vector<std::string> flags, variables;
    Verbosity verbosity;
  } cases[] = {{{"-v", "-q"}, {}, Verbosity::quiet},
               {{"--quiet", "--verbose"}, {}, Verbosity::verbose},
               {{}, {"TCPSERVER_VERBOSE=on"}, Verbosity::verbose},
               {{"-q"}, {"TCPSERVER_VERBOSE=on"}, Verbosity::quiet},
               {{"-v"}, {"TCPSERVER_QUIET=on"}, Verbosity::verbose},
               {{"--config", quiet.path()}, {}, Verbosity::quiet},
               {{"--config", quiet.path()}, {"TCPSERVER_QUIET=off"}, Verbosity::normal},
               {{"--config", quiet.path(), "-v"}, {}, Verbosity::verbose},
               {{"--config", undecided.path()}, {}, Verbosity::normal}};
  for (const auto& [flags, variables, verbosity] : cases) {
    EXPECT_EQ(parse(flags, variables).options.verbosity, verbosity)
        << ::testing::PrintToString(flags) << ::testing::PrintToString(variables);
  }
  EXPECT_THROW(static_cast<void>(parse({}, {"TCPSERVER_QUIET=maybe"})), StartError);
}

// Sources are not combined, so the same address in two sources is not a duplicate.
TEST(ServerOptions, BindFlagReplacesOtherSources) {
  const harness::TextFile file("bind = 127.0.0.1\n");
  const auto command = parse({"--config", file.path(), "--bind", "::1", "--bind", "::2"},
                             {"TCPSERVER_BIND=127.0.0.1,127.0.0.2"});
  EXPECT_TRUE(command.warnings.empty());
  ASSERT_EQ(command.options.bind.size(), 2U);
  EXPECT_EQ(command.options.bind[1].host_text(), "::2");
}

TEST(ServerOptions, DaemonLogsToSyslogByDefault) {
  EXPECT_EQ(parse({}).options.log_target(), LogTarget::stderr_stream);
  EXPECT_EQ(parse({"--daemonize"}).options.log_target(), LogTarget::syslog);
  EXPECT_EQ(parse({"-d", "--log", "stderr"}).options.log_target(), LogTarget::stderr_stream);
}

// A daemon leaves the directory in which it was started.
TEST(ServerOptions, RelativePathsStartInTheWorkingDirectory) {
  const harness::TextFile file("max-connections = 7\n");
  const std::filesystem::path path(file.path());
  const harness::Arguments arguments({"tcpserver", "--config", path.filename(), "--pid-file", "a/b"}, {});
  ServerCommand command;
  parse_server_command(command, arguments.count(), arguments.argv(), arguments.environment(),
                       path.parent_path());
  EXPECT_EQ(command.options.max_connections, 7U);
  EXPECT_EQ(command.options.pid_file, path.parent_path() / "a/b");
}

std::string to_variable(std::string name) {
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return "TCPSERVER_" + name;
}

TEST(ServerOptions, AcceptFlagsAndVariables) {
  using O = ServerOptions;
  const struct {
    const char* name;
    const char* value;  // not the default
    bool (*is_taken)(const ServerOptions&);
  } samples[] = {
      {"port", "0", [](const O& o) { return o.port == 0; }},
      {"port", "65535", [](const O& o) { return o.port == 65535; }},
      {"bind", "::1", [](const O& o) { return o.bind.at(0).text() == "[::1]:0"; }},
      {"bind", "127.0.0.1,::1", [](const O& o) { return o.bind.size() == 2 && o.bind[0].port() == 0; }},
      {"backlog", "0128", [](const O& o) { return o.backlog->value == 128 && o.backlog->text == "0128"; }},
      {"backlog", "99999999999999999999", [](const O& o) { return o.backlog->value == UINT64_MAX; }},
      {"backlog", "max", [](const O& o) { return o.backlog && o.backlog->max; }},
      {"mode", "iterative", [](const O& o) { return o.mode == Mode::iterative; }},
      {"reap", "none", [](const O& o) { return o.reap == Reap::none; }},
      {"service", "upper", [](const O& o) { return o.service.verb == Verb::upper; }},
      {"max-connections", "1", [](const O& o) { return o.max_connections == 1; }},
      {"max-connections", "4194304", [](const O& o) { return o.max_connections == 4194304; }},
      {"max-per-host", "5", [](const O& o) { return o.max_per_host == 5; }},
      {"overload", "refuse", [](const O& o) { return o.overload == Overload::refuse; }},
      {"idle-timeout", "250ms", [](const O& o) { return o.idle_timeout == 250ms; }},
      {"drain-timeout", "0", [](const O& o) { return o.drain_timeout == 0s; }},
      {"sandbox", "off", [](const O& o) { return o.sandbox == SandboxPolicy::off; }},
      {"pid-file", "/run/x", [](const O& o) { return o.pid_file == "/run/x"; }},
      {"user", "nobody:4711",
       [](const O& o) {
         return o.user == UserRequest{"nobody", "4711"};
       }},
      {"user", "4711",
       [](const O& o) {
         return o.user == UserRequest{"4711", ""};
       }},
      {"log", "syslog", [](const O& o) { return o.log_target() == LogTarget::syslog; }},
      {"log-format", "json", [](const O& o) { return o.log_format == LogFormat::json; }},
      {"log-time", "off", [](const O& o) { return o.log_time == LogTime::off; }},
      {"metrics-file", "/run/x", [](const O& o) { return o.metrics_file == "/run/x"; }},
      {"record", "/tmp", [](const O& o) { return o.record == "/tmp"; }},
      {"record-limit", "1K", [](const O& o) { return o.record_limit == 1024; }},
  };
  for (const auto& [name, value, is_taken] : samples) {
    const auto flag = "--" + std::string(name);
    EXPECT_TRUE(is_taken(parse({flag, value}).options)) << flag;
    EXPECT_TRUE(is_taken(parse({}, {to_variable(name) + "=" + value}).options)) << to_variable(name);
  }
  EXPECT_EQ(parse({"-b", "9"}).options.backlog->source, "--backlog");
  EXPECT_EQ(parse({}, {"TCPSERVER_BACKLOG=9"}).options.backlog->source, "TCPSERVER_BACKLOG");
}

TEST(ServerOptions, RefuseBadValuesFromFlagsAndVariables) {
  const struct {
    const char* name;
    std::vector<std::string> values;
    const char* reason;
  } refusals[] = {
      {"port", {"", "80x", "65536", "-1", "http"}, "expected a whole number from 0 to 65535"},
      {"bind", {"localhost", "", "[::1]"}, "expected a numeric address"},
      {"bind", {"127.0.0.1:80", "[::1]:80"}, "expected an address without a port; add --port 80"},
      {"bind", {"::1,"}, "empty item after the last comma"},
      {"bind", {"::1,::1"}, ": ::1 is given twice"},
      {"bind", {"ff02::1"}, ": ff02::1 is a multicast address"},
      {"bind", {"224.0.0.1"}, ": 224.0.0.1 is a multicast address"},
      {"backlog", {"0", "-1", "many", "", "1.5"}, "expected a whole number of 1 or more"},
      {"pid-file", {""}, "expected a file name"},
      {"user", {"", ":4711", "nobody:", "a:b:c", "-1", "no body"}, "expected USER or USER:GROUP"},
      {"log", {"file"}, "expected stderr or syslog"},
      {"mode", {"thread", "Fork"}, "expected fork or iterative"},
      {"reap", {""}, "expected handler, once or none"},
      {"service", {"lower"}, "expected echo or upper"},
      {"max-connections", {"0", "4194305"}, "expected a whole number from 1 to "},
      {"idle-timeout", {"soon"}, "expected a duration, such as"},
      {"drain-timeout", {"-1s"}, "expected a duration"},
  };
  const auto refusal = [](const std::vector<std::string>& flags, const std::vector<std::string>& variables) {
    try {
      static_cast<void>(parse(flags, variables));
    } catch (const StartError& error) {
      EXPECT_EQ(error.status(), ExitStatus::usage);
      return std::string(error.what());
    }
    return std::string("it was taken");
  };
  for (const auto& [name, values, reason] : refusals) {
    for (const auto& value : values) {
      const auto flag = "--" + std::string(name);
      const auto by_flag = refusal({flag, value}, {});
      EXPECT_TRUE(by_flag.starts_with(flag + ": ")) << by_flag;
      EXPECT_TRUE(
          contains(by_flag, *reason == 'e' && reason[1] == 'x' ? "'" + value + "': " + reason : reason))
          << by_flag;
      EXPECT_FALSE(contains(by_flag, "\n"));
      if (value.empty()) continue;  // an empty variable counts as not set
      const auto by_variable = refusal({}, {to_variable(name) + "=" + value});
      EXPECT_EQ(by_variable, to_variable(name) + by_flag.substr(flag.size()));
    }
  }
}

TEST(ServerOptions, BooleansAcceptSynonymsInAllSources) {
  EXPECT_EQ(parse({"--quiet=TRUE"}).options.verbosity, Verbosity::quiet);
  EXPECT_EQ(parse({}, {"TCPSERVER_QUIET=Yes"}).options.verbosity, Verbosity::quiet);
  EXPECT_FALSE(parse({"--daemonize=0"}).options.daemonize);
  EXPECT_EQ(parse({"--sandbox", "False"}).options.sandbox, SandboxPolicy::off);
  EXPECT_EQ(parse({}, {"TCPSERVER_LOG_TIME=1"}).options.log_time, LogTime::on);
  const harness::TextFile file("sandbox = YES\nbind = 127.0.0.1, ::1\nbind = '::2' # added\n");
  const auto options = parse({"--config", file.path()}).options;
  EXPECT_EQ(options.sandbox, SandboxPolicy::on);
  EXPECT_EQ(options.bind.size(), 3U);
}

TEST(ServerOptions, RefuseTooManyAddresses) {
  std::string list = "127.0.0.1";
  for (std::size_t i = 2; i <= most_addresses; ++i) list += ",127.0.0." + std::to_string(i);
  EXPECT_EQ(parse({"--bind", list}).options.bind.size(), most_addresses);
  EXPECT_THROW(static_cast<void>(parse({"--bind", list + ",127.0.1.1"})), StartError);
}

TEST(ServerOptions, TestShowsTheValuesInEffectWithTheirSources) {
  const harness::TextFile file("idle-timeout = 60s\nquiet = on\n");
  const auto command = parse({"--test", "-p", "7300", "--config", file.path(), "--user", "a:b"},
                             {"TCPSERVER_BACKLOG=max", "TCPSERVER_BIND=::1,::2"});
  EXPECT_TRUE(command.test);
  EXPECT_TRUE(command.errors.empty());
  for (const std::string line :
       {"port = 7300  (--port)", "bind = ::1,::2  (TCPSERVER_BIND)", "backlog = max  (TCPSERVER_BACKLOG)",
        "mode = fork  (default)", "user = a:b  (--user)", "sandbox = on  (default)",
        "log = stderr  (default)"}) {
    EXPECT_TRUE(contains("\n" + command.text_to_show, "\n" + line + "\n")) << line;
  }
  EXPECT_TRUE(contains(command.text_to_show, "idle-timeout = 1m  (" + file.path() + " line 1)"));
  EXPECT_TRUE(contains(command.text_to_show, "quiet = on  (" + file.path() + " line 2)"));
  EXPECT_TRUE(contains(command.text_to_show, "verbose = off  (" + file.path() + " line 2)"));
  EXPECT_FALSE(contains(command.text_to_show, "metrics-file"));
}

// Every value that --test prints can be given again.
TEST(ServerOptions, ValuesInEffectCanBeReadAgain) {
  const auto& table = server_option_table();
  const auto read =
      parse(words("-b 7 -c 5 --idle-timeout 0 --drain-timeout 1500ms -v -p 1 -a ::1,::2 -m iterative "
                  "--reap none -s upper -d --pid-file /run/pid --user nobody --record /tmp "
                  "--record-limit 4K --sandbox off --log stderr --log-format json"))
          .options;
  for (const auto& options : {ServerOptions{}, read}) {
    ServerOptions again;
    for (const auto& spec : table) {
      const auto text = spec.setting.print ? spec.setting.print(options) : std::string();
      if (!text.empty()) spec.setting.parse(again, {text, std::string(spec.name)});
    }
    for (const auto& spec : table) {
      if (spec.setting.print && spec.name != "bind" && spec.name != "backlog" && spec.name != "sandbox") {
        EXPECT_TRUE(spec.setting.equal(options, again)) << spec.name;
      }
    }
  }
}

TEST(ServerReload, ChangesNothingIfTheFileIsUnchanged) {
  const auto reload =
      compare(server_option_table(), parse({"-b", "7"}).options, parse({}, {"TCPSERVER_BACKLOG=7"}).options);
  EXPECT_EQ(reload.changed, "");
  EXPECT_EQ(reload.needs_restart, "");
}

// Also proves the defaults of the manual.
TEST(ServerReload, AppliesChangesAndNamesOptionsThatNeedARestart) {
  const auto read =
      parse(words("-b 7 -c 5 --idle-timeout 0 --drain-timeout 1500ms -v -p 1 -a ::1 -m iterative "
                  "--reap none -s upper -d --pid-file /run/pid --user nobody"))
          .options;
  const auto reload = compare(server_option_table(), ServerOptions{}, read);
  EXPECT_EQ(reload.changed,
            "backlog 4096 -> 7, max-connections 1000 -> 5, idle-timeout 5m -> 0s, drain-timeout 10s -> "
            "1500ms, verbose off -> on");
  EXPECT_EQ(reload.needs_restart, "port, bind, service, mode, reap, daemonize, pid-file, user, log");
  EXPECT_EQ(reload.options.backlog->value, 7U);
  EXPECT_EQ(reload.options.drain_timeout, 1500ms);
  EXPECT_EQ(reload.options.verbosity, Verbosity::verbose);
  EXPECT_EQ(reload.options.port, 54321);
  EXPECT_TRUE(reload.options.bind.empty());
  EXPECT_EQ(reload.options.mode, Mode::fork);
}

TEST(ServerReload, SkipsOptionsWithoutEffectInIterativeMode) {
  const auto running = parse({"-m", "iterative"}).options;
  const auto read =
      parse(words("-m iterative -c 5 --max-per-host 5 --overload refuse --log-format json")).options;
  const auto reload = compare(server_option_table(), running, read);
  EXPECT_EQ(reload.changed, "log-format text -> json");
  EXPECT_EQ(reload.options.overload, Overload::refuse);
  EXPECT_EQ(unused_options(server_option_table(), read), "--max-connections, --max-per-host, --overload");
}

}  // namespace
