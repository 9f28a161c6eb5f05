#include "tcpserver/base/unique_fd.hpp"

#include "harness/json.hpp"
#include "harness/server_process.hpp"
#include "programs/load.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <regex>
#include <set>
#include <thread>

// The log of -v about each session, as text and as JSON (tcpserver-log(5)).
namespace {

using namespace harness;
using namespace std::chrono_literals;

// The line of this event in the session of this client; empty without one.
std::string find_line(ServerProcess& server, const std::string& event, const ClientSocket& client) {
  std::string found;
  const auto is_there = [&](const std::string& text) {
    for (const auto& line : split_lines(text)) {
      if (contains(line, event) && contains(line, client.own_address().text())) found = line;
    }
    return !found.empty() && text.ends_with('\n');
  };
  server.process().read_errors_until(is_there);
  return found;
}

TEST(SessionLog, TextHasTheGrammarOfTheManualPage) {
  ServerProcess server({"-v"});
  ClientSocket client(server.port());
  ASSERT_TRUE(echoes(client, "hello"));
  const auto matches = [&](const std::string& event, const std::string& rest) {
    const std::regex expression("tcpserver: " + event + " peer=" + client.own_address().text() +
                                " local=127.0.0.1:" + std::to_string(server.port()) + " pid=[0-9]+" + rest);
    return std::regex_match(find_line(server, event, client), expression);
  };
  EXPECT_TRUE(matches("session_open", "")) << server.log();
  client.half_close();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(
      matches("session_end", " bytes_in=5 bytes_out=5 duration_s=[0-9]+\\.[0-9]{6} reason=client_closed"))
      << server.log();
}

TEST(SessionLog, JsonHasTheKeysOfTheManualPage) {
  ServerProcess server({"-v", "--log-format", "json", "--bind", "::1,127.0.0.1"});
  ClientSocket client(server.port(), AF_INET6);
  ASSERT_TRUE(echoes(client, "hello"));
  std::this_thread::sleep_for(20ms);
  client.half_close();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(server.says("\"session_end\""));
  EXPECT_EQ(server.stop(), 0);
  int ends = 0;
  for (const auto& line : split_lines(server.log())) {
    const Json json(line);
    const auto event = json.values("event");
    if (event == "session_open") {
      EXPECT_EQ(json.keys(), "time level event peer local pid");
    } else if (event == "session_end") {
      ++ends;
      EXPECT_EQ(json.keys(), "time level event peer local pid bytes_in bytes_out duration_s reason");
      EXPECT_EQ(json.values("local bytes_in reason"),
                "[::1]:" + std::to_string(server.port()) + " 5 client_closed");
      EXPECT_GE(json.number("duration_s"), 0.02);
    }
  }
  EXPECT_EQ(ends, 1);
}

// The process of this client's session.
pid_t find_pid(ServerProcess& server, const ClientSocket& client) {
  const auto line = find_line(server, "session_open", client);
  const auto at = line.find(" pid=");
  return at == std::string::npos ? 0 : static_cast<pid_t>(std::atoi(line.c_str() + at + 5));
}

TEST(SessionLog, HasTheReasonOfEachEnd) {
  ServerProcess server({"-v", "--drain-timeout", "0", "--idle-timeout", "1s"});
  ClientSocket idle(server.port());
  const auto ends_with = [&server](const ClientSocket& client, const std::string& reason) {
    const auto line = find_line(server, "session_end", client);
    EXPECT_TRUE(contains(line + " ", " reason=" + reason + " ")) << line;
  };
  // A seccomp filter kills by SIGSYS.
  for (const auto& [signal, reason] :
       {std::pair{SIGKILL, "killed signal=SIGKILL"}, {SIGSYS, "seccomp signal=SIGSYS"}}) {
    ClientSocket client(server.port());
    const auto victim = find_pid(server, client);
    ASSERT_GT(victim, 1);
    ::kill(victim, signal);
    ends_with(client, reason);
  }
  auto client = open_session(server);
  client.reset();
  EXPECT_TRUE(server.says(" reason=reset\n"));
  ends_with(idle, "idle_timeout");
  ClientSocket drained(server.port());
  EXPECT_GT(find_pid(server, drained), 1);
  server.signal(SIGTERM);
  ends_with(drained, "drained");
  EXPECT_EQ(server.wait(), 0);
}

// The server asked for no local address when it accepted the connection.
TEST(SessionLog, OmitsAnUnknownAddress) {
  const TextFile config("verbose = off\n");
  ServerProcess server({"--config", config.path()});
  auto client = open_session(server);
  EXPECT_TRUE(server.reload(config, "verbose = on\n", "verbose off -> on\n"));
  client.half_close();
  const auto line = find_line(server, "session_end", client);
  EXPECT_TRUE(contains(line, " bytes_in=1 "));
  EXPECT_FALSE(contains(line, "local="));
}

TEST(SessionLog, IsTheSameInIterativeMode) {
  ServerProcess server({"-v", "--mode", "iterative"});
  ClientSocket client(server.port());
  EXPECT_EQ(echo_through(client, "four"), "four");
  EXPECT_EQ(find_pid(server, client), server.pid());
  EXPECT_TRUE(contains(find_line(server, "session_end", client), " bytes_in=4 bytes_out=4 "));
}

TEST(SessionLog, DoesNotContainDataOfTheClient) {
  for (const char* format : {"text", "json"}) {
    ServerProcess server({"-v", "--log-format", format});
    const std::string bytes =
        "\n{\"event\": \"session_end\"}\ntcpserver: forged\n\x1b[31m%n%s" + varied_bytes(5000);
    ClientSocket client(server.port());
    EXPECT_EQ(echo_through(client, bytes), bytes);
    EXPECT_EQ(server.stop(), 0);
    const auto& log = server.log();
    EXPECT_EQ(occurrences(log, "session_end"), 1U);
    EXPECT_FALSE(contains(log, "forged"));
    EXPECT_FALSE(contains(log, "\x1b"));
  }
}

// The reader of the pipe shares the processors with the load.
TEST(SessionLog, LosesNoLineThatIsRead) {
  constexpr int many = TCPSERVER_TEST_SANITIZED != 0 ? 1'000 : 10'000;
  const TextFile log;
  Process server(command_line({"bash", "-c", "exec \"$@\" 2> >(exec cat >'" + log.path() + "')", "bash"},
                              {"--port", "0", "-v", "--log-format", "json"}));
  ASSERT_TRUE(eventually([&] { return contains(read_text(log.path()), "\"backlog\""); }));
  const auto result = run(
      load_command(std::to_string(logged_port(read_text(log.path()))),
                   {"--connections", std::to_string(many), "--concurrency", "64", "--message-size", "123"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  EXPECT_TRUE(eventually([&] { return contains(read_text(log.path()), "\"stopped\""); }));
  std::multiset<std::string> open;
  int ended = 0;
  for (const auto& line : split_lines(read_text(log.path()))) {
    const Json json(line);
    const auto event = json.values("event");
    if (event == "session_open") {
      open.insert(json.values("peer pid"));
    } else if (event == "session_end") {
      ++ended;
      EXPECT_EQ(open.erase(json.values("peer pid")), 1U) << line;
      EXPECT_EQ(json.values("bytes_in bytes_out reason"), "123 123 client_closed");
    } else {
      EXPECT_TRUE(json.values("level") != "warning" || contains(line, "running as root")) << line;
    }
  }
  EXPECT_EQ(ended, many);
  EXPECT_TRUE(open.empty());
}

// The log is read after the load. The server reports the number of dropped lines although no event follows.
TEST(SessionLog, DoesNotBlockClientsIfNotRead) {
  ServerProcess server({"-v", "--log-format", "json"});
  constexpr int sessions = TCPSERVER_TEST_SANITIZED != 0 ? 3'500 : 5'000;  // more than a MiB of lines
  const auto result =
      run(load_command(server, {"--connections", std::to_string(sessions), "--concurrency", "64", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  ASSERT_TRUE(eventually([&] { return find_children(server.pid()).empty(); }));
  std::this_thread::sleep_for(200ms);  // until the last session is counted, and no event follows
  // Several reports are possible: a pipe without room for a line may have room for this shorter one.
  const auto told = [](const std::string& log) {
    std::size_t sum = occurrences(log, "\"session_open\"") + occurrences(log, "\"session_end\"");
    const std::regex dropped("\"lines\": (\\d+)");
    for (std::sregex_iterator at(log.begin(), log.end(), dropped); at != std::sregex_iterator(); ++at) {
      sum += std::stoul((*at)[1]);
    }
    return sum;
  };
  EXPECT_TRUE(server.process().read_errors_until([&](const std::string& log) {
    return contains(log, "\"log_lines_dropped\", ") && log.ends_with('\n') && told(log) >= 2U * sessions;
  }));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(told(server.log()), 2U * sessions);
}

// The terminal of another user, as after su, cannot be opened again. No program reads from it here. The
// parameter makes it the controlling terminal.
class SessionLogOnAForeignTerminal : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Controlling, SessionLogOnAForeignTerminal, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "yes" : "no"; });

TEST_P(SessionLogOnAForeignTerminal, DoesNotBlockClients) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const tcpserver::base::UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(::unlockpt(master.get()), 0);
  const std::string name = ::ptsname(master.get());
  ASSERT_EQ(::chmod(name.c_str(), 0600), 0);
  const PublicCopy program;
  // The test shares it with the server, as a shell would: O_NONBLOCK must not stay.
  const tcpserver::base::UniqueFd shared(::open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  auto wrapper = program.as_user();
  wrapper.insert(wrapper.begin(),
                 {"/bin/sh", "-c", "{ :; } <>'" + name + "'; exec 2>&0 0</dev/null; exec \"$@\"", "sh"});
  // The leader of a session gets the terminal that it opens as its controlling terminal.
  if (GetParam()) wrapper.insert(wrapper.begin(), "setsid");
  ServerProcess server({"-v"}, {.input_fd = shared.get()}, wrapper);
  const auto result = run(load_command(server, {"--connections", "500", "--concurrency", "16"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(::fcntl(shared.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(JsonLog, NamesEachEvent) {
  ServerProcess server({"-v", "--log-format", "json", "--bind", "127.0.0.1,::1", "--reap", "once",
                        "--drain-timeout", "0", "--record-limit", "9"});
  const auto client = open_session(server);
  server.signal(SIGHUP);  // without --config
  EXPECT_TRUE(server.says("\"reload_ignored\""));
  EXPECT_EQ(server.stop(), 0);
  std::map<std::string, std::string> lines;
  for (const auto& line : split_lines(server.log())) lines[Json(line).values("event")] = line;
  EXPECT_FALSE(lines.contains("message")) << lines["message"];
  for (const char* event : {"option_unused", "lesson_mode", "killing_sessions"}) {
    EXPECT_TRUE(lines.contains(event)) << event;
  }
  EXPECT_FALSE(lines.contains("stopping")) << "nothing was drained";
  const auto port = std::to_string(server.port());
  EXPECT_EQ(Json(lines["backlog"]).values("listeners"), "127.0.0.1:" + port + ", [::1]:" + port);
  EXPECT_EQ(Json(lines["confined"]).values("capabilities"), "none");
  EXPECT_FALSE(contains(lines["confined"], "\"\""));
}

TEST(SessionLog, ReportsStartErrorsAsJson) {
  const auto result = run({TCPSERVER_PROGRAM, "--log-format", "json", "--bind", "203.0.113.1"});
  EXPECT_EQ(result.ending, 69);
  EXPECT_EQ(Json(result.errors).values("level event"), "error start_error");
  EXPECT_TRUE(contains(result.errors, "203.0.113.1"));
}

TEST(SessionLog, ChangesItsFormatOnReload) {
  const TextFile config("verbose = on\n");
  ServerProcess server({"--config", config.path()});
  EXPECT_TRUE(
      server.reload(config, "verbose = on\nlog-format = json\n", "\"changed\": \"log-format text -> json\""));
  EXPECT_TRUE(serves(server));
  EXPECT_TRUE(server.says("\"event\": \"session_end\""));
}

}  // namespace
