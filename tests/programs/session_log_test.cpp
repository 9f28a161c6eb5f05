#include "tcpserver/base/unique_fd.hpp"

#include "harness/client_socket.hpp"
#include "harness/json.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"
#include "harness/text_file.hpp"
#include "programs/load.hpp"

#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <string>
#include <thread>

// What -v says of each session, as text and as JSON (tcpserver(8), THE LOG).
namespace {

using namespace harness;
using namespace std::chrono_literals;

// Whether all of the text is as this extended regular expression of POSIX says.
bool matches(const std::string& text, const std::string& expression) {
  regex_t compiled{};
  EXPECT_EQ(::regcomp(&compiled, ("^" + expression + "$").c_str(), REG_EXTENDED | REG_NOSUB), 0);
  const bool found = ::regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  ::regfree(&compiled);
  return found;
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
      if (line.find(event) != std::string::npos &&
          line.find("127.0.0.1:" + std::to_string(client.own_port())) != std::string::npos) {
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
  EXPECT_TRUE(server.process().read_errors_until(
      [](const std::string& text) { return text.find("\"session_end\"") != std::string::npos; }));
  EXPECT_EQ(server.stop(), 0);
  std::string lines;
  for (const auto& line : lines_of(server.process().errors())) lines += (lines.empty() ? "[" : ",\n") + line;
  lines += "]";
  EXPECT_EQ(by_python(lines, "[sorted(one) for one in d if one['event'] == 'session_open']"),
            "[['event', 'level', 'local', 'peer', 'pid', 'time']]\n");
  EXPECT_EQ(by_python(lines, "[list(one) for one in d if one['event'] == 'session_end']"),
            "[['time', 'level', 'event', 'peer', 'local', 'pid', 'bytes_in', 'bytes_out', 'duration_s', "
            "'reason']]\n");
  EXPECT_EQ(by_python(lines,
                      "[(one['local'], one['bytes_in'], one['reason']) for one in d if one['event'] == "
                      "'session_end']"),
            "[('[::1]:" + std::to_string(server.port()) + "', 5, 'client_closed')]\n");
  EXPECT_EQ(by_python(lines, "[one['duration_s'] >= 0.02 for one in d if one['event'] == 'session_end']"),
            "[True]\n");
  EXPECT_EQ(by_python(lines, "set(one['event'] for one in d) - {'message', 'session_open', 'session_end'}"),
            "set()\n");
  EXPECT_EQ(by_python(lines, "all(one['message'] for one in d if one['event'] == 'message')"), "True\n");
}

// Of the session that this client has opened.
pid_t pid_of(ServerProcess& server, const ClientSocket& client) {
  const auto line = line_of(server, "session_open", client);
  const auto at = line.find(" pid=");
  return at == std::string::npos ? 0 : static_cast<pid_t>(std::atoi(line.c_str() + at + 5));
}

TEST(SessionLog, SaysBySignalOrDrainASessionEnded) {
  ServerProcess server({"-v", "--drain-timeout", "0"});
  ClientSocket killed(server.port());
  const auto victim = pid_of(server, killed);
  ASSERT_GT(victim, 1);
  ::kill(victim, SIGKILL);
  EXPECT_TRUE(line_of(server, "session_end", killed).ends_with(" reason=killed signal=SIGKILL"));
  ClientSocket forbidden(server.port());
  const auto caught = pid_of(server, forbidden);
  ASSERT_GT(caught, 1);
  ::kill(caught, SIGSYS);  // as a seccomp filter does
  EXPECT_TRUE(line_of(server, "session_end", forbidden).ends_with(" reason=seccomp signal=SIGSYS"));
  ClientSocket drained(server.port());
  EXPECT_GT(pid_of(server, drained), 1);
  server.process().signal(SIGTERM);
  EXPECT_TRUE(line_of(server, "session_end", drained).ends_with(" reason=drained"));
  EXPECT_EQ(server.process().wait(), 0);
}

TEST(SessionLog, SaysThatASessionWasIdle) {
  ServerProcess server({"-v", "--idle-timeout", "200ms"});
  ClientSocket idle(server.port());
  EXPECT_TRUE(line_of(server, "session_end", idle).ends_with(" reason=idle_timeout"));
}

// Nobody asked for its own address when it was accepted.
TEST(SessionLog, SaysNoAddressThatItDoesNotKnow) {
  const TextFile config("verbose = off\n");
  ServerProcess server({"--config", config.path()});
  ClientSocket client(server.port());
  ASSERT_TRUE(client.send("x"));
  ASSERT_EQ(client.receive(1), "x");
  config.write("verbose = on\n");
  server.process().signal(SIGHUP);
  EXPECT_TRUE(server.process().read_errors_until([](const std::string& text) {
    return text.find("verbosity normal -> verbose\n") != std::string::npos;
  }));
  client.half_close();
  const auto line = line_of(server, "session_end", client);
  EXPECT_NE(line.find(" bytes_in=1 "), std::string::npos) << line;
  EXPECT_EQ(line.find("local="), std::string::npos) << line;
}

TEST(SessionLog, SaysThatTheClientReset) {
  ServerProcess server({"-v"});
  ClientSocket client(server.port());
  ASSERT_TRUE(client.send("x"));
  ASSERT_EQ(client.receive(1), "x");
  client.reset();
  EXPECT_TRUE(server.process().read_errors_until(
      [](const std::string& text) { return text.find(" reason=reset\n") != std::string::npos; }));
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
    const auto& log = server.process().errors();
    EXPECT_EQ(occurrences(log, "session_end"), 1U);
    EXPECT_EQ(log.find("forged"), std::string::npos);
    EXPECT_EQ(log.find('\x1b'), std::string::npos);
  }
}

constexpr int many = TCPSERVER_TEST_SANITIZED != 0 ? 1'000 : 10'000;

// What a JSON reader makes of a log of one run: sessions opened and ended, sums of bytes, and other lines.
std::string summary_of(const std::string& path) {
  const auto result = run({"python3", "-c",
                           "import json, sys\n"
                           "lines = [json.loads(line) for line in open(sys.argv[1])]\n"
                           "opened = [l for l in lines if l['event'] == 'session_open']\n"
                           "ended = [l for l in lines if l['event'] == 'session_end']\n"
                           "assert sorted((l['peer'], l['pid']) for l in opened) == "
                           "sorted((l['peer'], l['pid']) for l in ended)\n"
                           "print(len(opened), len(ended), sum(l['bytes_in'] for l in ended), "
                           "sum(l['bytes_out'] for l in ended), sorted({l['reason'] for l in ended}), "
                           "len([l for l in lines if l['level'] == 'warning' and not "
                           "l['message'].startswith('running as root')]))",
                           path});
  EXPECT_EQ(result.errors, "");
  return result.output;
}

std::string expected_of_many() {
  const auto sessions = std::to_string(many);
  const auto bytes = std::to_string(many * 123);
  return sessions + " " + sessions + " " + bytes + " " + bytes + " ['client_closed'] 0\n";
}

std::vector<std::string> load_of_many() {
  return {"--connections", std::to_string(many), "--concurrency", "64", "--message-size", "123", "--json"};
}

TEST(SessionLog, LosesNoLineUnderLoad) {
  const TextFile log;
  ServerProcess server({"-v", "--log-format", "json"}, {}, errors_to(log.path()));
  const auto result = run(load_on(server, load_of_many()));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(summary_of(log.path()), expected_of_many());
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
  EXPECT_EQ(summary_of(log.path()), expected_of_many());
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
  const std::string words = "\"dropped ";
  const auto dropped = [&words](const std::string& log) {
    std::size_t sum = 0;
    for (auto at = log.find(words); at != std::string::npos; at = log.find(words, at + 1)) {
      sum += ::strtoul(log.c_str() + at + words.size(), nullptr, 10);
    }
    return sum;
  };
  EXPECT_TRUE(server.process().read_errors_until([&](const std::string& log) {
    return dropped(log) > 0 && log.ends_with('\n') &&
           occurrences(log, "\"session_open\"") + occurrences(log, "\"session_end\"") + dropped(log) >=
               2U * sessions;
  }));
  EXPECT_EQ(server.stop(), 0);
  const auto& log = server.process().errors();
  EXPECT_EQ(occurrences(log, "\"session_open\"") + occurrences(log, "\"session_end\"") + dropped(log),
            2U * sessions);
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
    const std::string opens = "{ :; } <>'" + name +
                              "'; exec 2>&0 0</dev/null"
                              "; exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";
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
  EXPECT_EQ(
      by_python(result.errors, "(d['level'], d['event'], 'cannot listen on 203.0.113.1' in d['message'])"),
      "('warning', 'message', True)\n");
}

TEST(SessionLog, IsJsonOrTextFromAReloadOn) {
  const TextFile config("verbose = on\n");
  ServerProcess server({"--config", config.path()});
  config.write("verbose = on\nlog-format = json\n");
  server.process().signal(SIGHUP);
  EXPECT_TRUE(server.process().read_errors_until([](const std::string& text) {
    return text.find("log-format text -> json\"}\n") != std::string::npos;
  }));
  ClientSocket client(server.port());
  EXPECT_EQ(echo_through(client, "x"), "x");
  EXPECT_TRUE(server.process().read_errors_until([](const std::string& text) {
    return text.find("{\"time\": ") != std::string::npos &&
           text.find("\"event\": \"session_end\"") != std::string::npos;
  }));
}

}  // namespace
