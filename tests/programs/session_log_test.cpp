#include "tcpserver/base/unique_fd.hpp"

#include "harness/json.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"
#include "harness/text_file.hpp"
#include "programs/load.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>
#include <thread>

// What -v says of each session, as text and as JSON (tcpserver(8), THE LOG).
namespace {

using namespace harness;
using namespace std::chrono_literals;

bool matches(const std::string& text, const std::string& expression) {
  return std::regex_match(text, std::regex(expression));
}

// Standard error of the server goes to this file.
std::vector<std::string> errors_to(const std::string& path) {
  return {"/bin/sh", "-c", "exec \"$@\" 2>'" + path + "'", "sh"};
}

// The line of this event of the session of that client; empty: none came.
std::string line_of(ServerProcess& server, const std::string& event, const ClientSocket& client) {
  std::string found;
  const auto is_there = [&](const std::string& text) {
    for (const auto& line : lines_of(text)) {
      if (contains(line, event) && contains(line, "127.0.0.1:" + std::to_string(client.own_port()))) {
        found = line;
      }
    }
    return !found.empty() && text.ends_with('\n');
  };
  server.process().read_errors_until(is_there);
  return found;
}

TEST(SessionLog, AsTextHasTheGrammarOfTheManualPage) {
  ServerProcess server({"-v"});
  ClientSocket client(server.port());
  ASSERT_TRUE(client.send("hello"));
  ASSERT_EQ(client.receive(5), "hello");
  const auto start = "peer=127\\.0\\.0\\.1:" + std::to_string(client.own_port()) +
                     " local=127\\.0\\.0\\.1:" + std::to_string(server.port()) + " pid=[0-9]+";
  const auto open = line_of(server, "session_open", client);
  EXPECT_TRUE(matches(open, "tcpserver: session_open " + start)) << open;
  client.half_close();
  EXPECT_EQ(client.receive_all(), "");
  const auto end = line_of(server, "session_end", client);
  EXPECT_TRUE(matches(end, "tcpserver: session_end " + start +
                               " bytes_in=5 bytes_out=5 duration_s=[0-9]+\\.[0-9]{6} reason=client_closed"))
      << end;
  EXPECT_EQ(end.substr(end.find("peer="), end.find(" bytes_in") - end.find("peer=")),
            open.substr(open.find("peer=")));
}

TEST(SessionLog, AsJsonHasTheKeysOfTheManualPage) {
  ServerProcess server({"-v", "--log-format", "json", "--bind", "::1,127.0.0.1"});
  ClientSocket client(server.port(), AF_INET6);
  ASSERT_TRUE(client.send("hello"));
  ASSERT_EQ(client.receive(5), "hello");
  std::this_thread::sleep_for(20ms);
  client.half_close();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(server.says("\"session_end\""));
  EXPECT_EQ(server.stop(), 0);
  int ends = 0;
  for (const auto& line : lines_of(server.log())) {
    const Json json(line);
    const auto event = json.values("event");
    if (event == "message") {
      EXPECT_NE(json.values("message"), "");
    } else if (event == "session_open") {
      EXPECT_EQ(json.keys(), "time level event peer local pid");
    } else {
      ASSERT_EQ(event, "session_end");
      ++ends;
      EXPECT_EQ(json.keys(), "time level event peer local pid bytes_in bytes_out duration_s reason");
      EXPECT_EQ(json.values("local bytes_in reason"),
                "[::1]:" + std::to_string(server.port()) + " 5 client_closed");
      EXPECT_GE(json.number("duration_s"), 0.02);
    }
  }
  EXPECT_EQ(ends, 1);
}

// Of the session that this client has opened.
pid_t pid_of(ServerProcess& server, const ClientSocket& client) {
  const auto line = line_of(server, "session_open", client);
  const auto at = line.find(" pid=");
  return at == std::string::npos ? 0 : static_cast<pid_t>(std::atoi(line.c_str() + at + 5));
}

TEST(SessionLog, GivesTheReasonOfEachEnd) {
  ServerProcess server({"-v", "--drain-timeout", "0", "--idle-timeout", "1s"});
  ClientSocket idle(server.port());
  const auto ends_with = [&server](const ClientSocket& client, const std::string& reason) {
    const auto line = line_of(server, "session_end", client);
    EXPECT_TRUE(line.ends_with(" reason=" + reason)) << line;
  };
  // A seccomp filter kills by SIGSYS.
  for (const auto& [signal, reason] :
       {std::pair{SIGKILL, "killed signal=SIGKILL"}, {SIGSYS, "seccomp signal=SIGSYS"}}) {
    ClientSocket client(server.port());
    const auto victim = pid_of(server, client);
    ASSERT_GT(victim, 1);
    ::kill(victim, signal);
    ends_with(client, reason);
  }
  auto client = open_session(server);
  client.reset();
  EXPECT_TRUE(server.says(" reason=reset\n"));
  ends_with(idle, "idle_timeout");
  ClientSocket drained(server.port());
  EXPECT_GT(pid_of(server, drained), 1);
  server.process().signal(SIGTERM);
  ends_with(drained, "drained");
  EXPECT_EQ(server.process().wait(), 0);
}

// Nobody asked for its own address when it was accepted.
TEST(SessionLog, SaysNoAddressThatItDoesNotKnow) {
  const TextFile config("verbose = off\n");
  ServerProcess server({"--config", config.path()});
  auto client = open_session(server);
  config.write("verbose = on\n");
  server.process().signal(SIGHUP);
  EXPECT_TRUE(server.says("verbosity normal -> verbose\n"));
  client.half_close();
  const auto line = line_of(server, "session_end", client);
  EXPECT_TRUE(contains(line, " bytes_in=1 "));
  EXPECT_FALSE(contains(line, "local="));
}

TEST(SessionLog, OfTheIterativeServerIsTheSame) {
  ServerProcess server({"-v", "--mode", "iterative"});
  ClientSocket client(server.port());
  EXPECT_EQ(echo_through(client, "four"), "four");
  EXPECT_NE(line_of(server, "session_open", client).find(" pid=" + std::to_string(server.pid())),
            std::string::npos);
  EXPECT_NE(line_of(server, "session_end", client).find(" bytes_in=4 bytes_out=4 "), std::string::npos);
}

// Whatever it is, it has nothing to do with the log.
TEST(SessionLog, HasNothingOfWhatTheClientSent) {
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

constexpr int many = TCPSERVER_TEST_SANITIZED != 0 ? 1'000 : 10'000;

// Each session has two whole lines, and nothing else is a warning.
void expect_lines_of_many(const std::string& path) {
  std::multiset<std::string> open;
  double bytes_in = 0;
  double bytes_out = 0;
  int ended = 0;
  for (const auto& line : lines_of(contents_of(path))) {
    const Json json(line);
    const auto event = json.values("event");
    if (event == "session_open") {
      open.insert(json.values("peer pid"));
    } else if (event == "session_end") {
      ++ended;
      EXPECT_EQ(open.erase(json.values("peer pid")), 1U) << line;
      EXPECT_EQ(json.values("reason"), "client_closed");
      bytes_in += json.number("bytes_in");
      bytes_out += json.number("bytes_out");
    } else {
      EXPECT_TRUE(json.values("level") != "warning" || contains(line, "running as root")) << line;
    }
  }
  EXPECT_EQ(ended, many);
  EXPECT_TRUE(open.empty());
  EXPECT_EQ(bytes_in, many * 123.0);
  EXPECT_EQ(bytes_out, many * 123.0);
}

std::vector<std::string> load_of_many() {
  return {"--connections", std::to_string(many), "--concurrency", "64", "--message-size", "123", "--json"};
}

// A reader at the other end of a pipe, which has to share the processors with the load.
TEST(SessionLog, LosesNoLineThatSomebodyReads) {
  const TextFile log;
  ServerProcess server({"-v", "--log-format", "json"}, {},
                       {"bash", "-c", "exec \"$@\" 2> >(exec cat >'" + log.path() + "')", "bash"});
  const auto result = run(load_on(server, load_of_many()));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(eventually([&] { return contents_of(log.path()).find("stopped: ") != std::string::npos; }));
  expect_lines_of_many(log.path());
}

// Nobody reads, until all is over: what was dropped is counted, and told with nothing else to say.
TEST(SessionLog, ThatNobodyReadsStopsNoClient) {
  ServerProcess server({"-v", "--log-format", "json"});
  constexpr int sessions = TCPSERVER_TEST_SANITIZED != 0 ? 3'500 : 5'000;  // more than a MiB of lines
  const auto result =
      run(load_on(server, {"--connections", std::to_string(sessions), "--concurrency", "64", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  ASSERT_TRUE(eventually([&] { return children_of(server.pid()).empty(); }));
  std::this_thread::sleep_for(200ms);  // until the last is booked: then there is nothing else to say
  // More than once where a pipe that has no room for a line has some for this shorter one.
  const auto told = [](const std::string& log) {
    std::size_t sum = occurrences(log, "\"session_open\"") + occurrences(log, "\"session_end\"");
    const std::regex dropped("\"dropped (\\d+)");
    for (std::sregex_iterator at(log.begin(), log.end(), dropped); at != std::sregex_iterator(); ++at) {
      sum += std::stoul((*at)[1]);
    }
    return sum;
  };
  EXPECT_TRUE(server.process().read_errors_until([&](const std::string& log) {
    return contains(log, "\"dropped ") && log.ends_with('\n') && told(log) >= 2U * sessions;
  }));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(told(server.log()), 2U * sessions);
}

// A terminal that nobody reads and that belongs to somebody else, as after su: it cannot be opened anew. Once
// as the controlling terminal, and once not.
class SessionLogOnAForeignTerminal : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Controlling, SessionLogOnAForeignTerminal, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "yes" : "no"; });

TEST_P(SessionLogOnAForeignTerminal, StopsNoClient) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  for (const char* const tool : {"setpriv", "python3"}) {
    if (find_command(tool).empty()) GTEST_SKIP() << tool << " is not installed";
  }
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(master, 0);
  ASSERT_EQ(::unlockpt(master), 0);
  const std::string name = ::ptsname(master);
  ASSERT_EQ(::chmod(name.c_str(), 0600), 0);
  const PublicCopy program(TCPSERVER_PROGRAM);
  // Shared with the server, as it is with a shell: O_NONBLOCK must not stay.
  const tcpserver::base::UniqueFd shared(::open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(shared);
  const auto does_not_block = [&shared] { return (::fcntl(shared.get(), F_GETFL) & O_NONBLOCK) != 0; };
  {
    // A leader of a session gets what it opens as its controlling terminal.
    const std::string opens =
        "{ :; } <>'" + name +
        "'; exec 2>&0 0</dev/null; exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";
    const std::string leads = "import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])";
    std::vector<std::string> wrapper{"/bin/sh", "-c", opens, "sh", program.path()};
    if (GetParam()) wrapper.insert(wrapper.begin(), {"python3", "-c", leads});
    ServerProcess server({"-v"}, {.input_fd = shared.get()}, wrapper);
    const auto result = run(load_on(server, {"--connections", "500", "--concurrency", "16"}));
    EXPECT_EQ(result.ending, 0) << result.errors;
    EXPECT_EQ(server.stop(), 0);
    EXPECT_FALSE(does_not_block());
  }
  ::close(master);
}

TEST(SessionLog, OnAFullDiskStopsNoClient) {
  ServerProcess server({"-v"}, {}, errors_to("/dev/full"));
  const auto result = run(load_on(server, {"--connections", "100"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(server.stop(), 0);
}

TEST(SessionLog, TellsAProgramThatReadsJsonWhyItDoesNotStart) {
  const auto result = run({TCPSERVER_PROGRAM, "--log-format", "json", "--bind", "203.0.113.1"});
  EXPECT_EQ(result.ending, 69);
  EXPECT_EQ(Json(result.errors).values("level event"), "warning message");
  EXPECT_TRUE(contains(result.errors, "203.0.113.1"));
}

TEST(SessionLog, IsJsonOrTextFromAReloadOn) {
  const TextFile config("verbose = on\n");
  ServerProcess server({"--config", config.path()});
  config.write("verbose = on\nlog-format = json\n");
  server.process().signal(SIGHUP);
  EXPECT_TRUE(server.says("log-format text -> json\"}\n"));
  ClientSocket client(server.port());
  EXPECT_EQ(echo_through(client, "x"), "x");
  EXPECT_TRUE(server.process().read_errors_until([](const std::string& text) {
    return contains(text, "{\"time\": ") && contains(text, "\"event\": \"session_end\"");
  }));
}

}  // namespace
