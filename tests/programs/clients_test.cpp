#include "harness/json.hpp"
#include "harness/own_listener.hpp"
#include "harness/server_process.hpp"
#include "harness/terminal.hpp"
#include "harness/text.hpp"
#include "harness/tmux.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <thread>

// tcpclient --clients.
namespace {

using namespace harness;
using namespace std::chrono_literals;

std::vector<std::string> clients_of(const std::string& port, std::vector<std::string> options) {
  options.insert(options.begin(), {TCPCLIENT_PROGRAM, "127.0.0.1", port, "--clients"});
  return options;
}
std::vector<std::string> clients_of(const ServerProcess& server, std::vector<std::string> options) {
  return clients_of(std::to_string(server.port()), std::move(options));
}

// A server of this test's own: answers so many connections, one after the other, each in its way.
class OwnServer {
 public:
  using Answer = std::function<void(int connection)>;
  OwnServer(int connections, const Answer& answer)
      : thread_([this, connections, answer] {
          for (int i = 0; i < connections; ++i) {
            const int connection = listener_.accept();
            answer(connection);
            ::close(connection);
          }
        }) {}
  [[nodiscard]] const std::string& port() const { return listener_.port(); }

 private:
  OwnListener listener_{50};
  std::jthread thread_;
};

std::string read_all(int connection) {
  std::string text;
  char byte = 0;
  while (::read(connection, &byte, 1) > 0) text += byte;
  return text;
}

TEST(Clients, NobodyWaitsForASlowOneInForkMode) {
  ServerProcess server;
  const auto result = run(clients_of(server, {"6", "--slow", "2", "--delay", "2s", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(
      by_python(result.output, "[(c['id'], c['slow'], c['ok']) for c in d['clients']]"),
      "[(1, True, True), (2, True, True), (3, False, True), (4, False, True), (5, False, True), (6, False, "
      "True)]\n");
  EXPECT_EQ(by_python(result.output, "d['quick_wait_max_s'] < 2"), "True\n") << result.output;
  EXPECT_EQ(by_python(result.output, "all(c['sent_s'] - c['connected_s'] >= 2 for c in d['clients'][:2])"),
            "True\n")
      << result.output;
  EXPECT_EQ(
      by_python(
          result.output,
          "all(c['started_s'] <= c['connected_s'] <= c['sent_s'] <= c['replied_s'] for c in d['clients'])"),
      "True\n")
      << result.output;
}

TEST(Clients, AllWaitForTheSlowOneInIterativeMode) {
  ServerProcess server({"--mode", "iterative"});
  const auto result = run(clients_of(server, {"5", "--delay", "700ms", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(by_python(result.output, "[c['id'] for c in d['clients'] if c['slow']]"), "[1]\n")
      << "with --delay: one";
  EXPECT_EQ(by_python(result.output, "min(c['replied_s'] for c in d['clients']) >= 0.7"), "True\n")
      << result.output;
  EXPECT_EQ(server.stop(), 0);
  EXPECT_NE(server.last_line().find("5 accepted, 0 refused, ended: 5 client closed;"), std::string::npos)
      << server.last_line();
}

TEST(Clients, AreDrawnOnceForAPipe) {
  ServerProcess server({"--mode", "iterative"});
  const auto result = run(clients_of(server, {"3", "--delay", "700ms"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(result.errors, "");
  EXPECT_EQ(result.output.find('\x1b'), std::string::npos) << "no terminal, no colours";
  const auto lines = lines_of(result.output);
  ASSERT_GE(lines.size(), 7U) << result.output;
  EXPECT_EQ(lines[0], "3 clients of 127.0.0.1 port " + std::to_string(server.port()) +
                          "; client 1 holds its connection for 700ms");
  EXPECT_TRUE(lines[2].starts_with("1 slow ")) << lines[2];
  EXPECT_GT(occurrences(lines[2], "="), 30U) << lines[2];
  for (const auto& quick : {lines[3], lines[4]}) EXPECT_GT(occurrences(quick, "#"), 30U) << quick;
  EXPECT_TRUE(lines[6].starts_with("The 2 quick clients waited ")) << lines[6];
  for (const auto& line : lines) EXPECT_LT(line.size(), 80U) << line;
  EXPECT_NE(result.output.find("while client 1"), std::string::npos);
}

TEST(Clients, OfAHundredShareOneProcess) {
  ServerProcess server;
  const auto result = run(clients_of(server, {"100"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_NE(result.output.find("\nand 60 more: 60 answered after "), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("\n100 clients waited "), std::string::npos) << result.output;
}

TEST(Clients, CompareWithWhatTheServiceDoes) {
  ServerProcess upper({"--service", "upper"});
  EXPECT_EQ(run(clients_of(upper, {"3", "--service", "upper"})).ending, 0);
  const auto wrong = run(clients_of(upper, {"3", "--message", "hello"}));
  EXPECT_EQ(wrong.ending, 76);
  EXPECT_EQ(occurrences(wrong.output, " wrong reply\n"), 3U) << wrong.output;
  EXPECT_EQ(wrong.errors,
            "tcpclient: client 1: the reply is wrong: 'HELLO\\x0a' where "
            "'hello\\x0a' was expected (--service upper?)\n");
  ServerProcess echo;
  EXPECT_EQ(run(clients_of(echo, {"3", "--message", "1234"})).ending, 0);
  EXPECT_EQ(run(clients_of(echo, {"3", "--service", "upper"})).ending, 76);
}

TEST(Clients, ALongMessageNeedsMoreThanOneWrite) {
  ServerProcess server;
  // Longer than one argument may be is no message; this is the longest (MAX_ARG_STRLEN, execve(2)).
  const auto result = run(clients_of(server, {"4", "--message", std::string(131000, 'x')}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(server.stop(), 0);
  EXPECT_NE(server.last_line().find("; 524004 bytes in, 524004 out"), std::string::npos)
      << server.last_line();
}

struct Misbehaviour {
  const char* name;
  OwnServer::Answer answer;
  int ending;
  const char* word;
  std::string sentence;
};

void PrintTo(const Misbehaviour& misbehaviour, std::ostream* stream) {
  *stream << misbehaviour.name;
}

class ClientsOf : public ::testing::TestWithParam<Misbehaviour> {};

TEST_P(ClientsOf, AreToldOfIt) {
  const auto& [name, answer, ending, word, sentence] = GetParam();
  OwnServer server(2, answer);
  const auto result = run(clients_of(server.port(), {"2"}));
  EXPECT_EQ(result.ending, ending);
  EXPECT_EQ(occurrences(result.output, std::string(" ") + word + "\n"), 2U) << result.output;
  EXPECT_EQ(result.errors, "tcpclient: client 1: " + sentence + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    BadServers, ClientsOf,
    ::testing::Values(
        Misbehaviour{"NoReply", [](int connection) { read_all(connection); }, 76, "no reply",
                     "the server closed the connection without a reply"},
        Misbehaviour{"ShortReply",
                     [](int connection) {
                       const auto text = read_all(connection);
                       EXPECT_GT(::write(connection, text.data(), text.size() - 1), 0);
                     },
                     76, "short reply", "the server closed the connection after 20 of 21 bytes"},
        Misbehaviour{
            "OneByteChanged",
            [](int connection) {
              auto text = read_all(connection);
              text[12] = 'C';
              EXPECT_GT(::write(connection, text.data(), text.size()), 0);
            },
            76, "wrong reply",
            "the reply is wrong: 'sentence of Client 1\\x0a' where 'sentence of client 1\\x0a' was expected"},
        Misbehaviour{"MoreThanWasSent",
                     [](int connection) {
                       const auto text = read_all(connection) + "!";
                       EXPECT_GT(::write(connection, text.data(), text.size()), 0);
                     },
                     76, "wrong reply", "the reply is wrong: more came back than was sent, 22 bytes of 21"},
        Misbehaviour{"MoreAfterAWhile",
                     [](int connection) {
                       const auto text = read_all(connection);
                       EXPECT_GT(::write(connection, text.data(), text.size()), 0);
                       std::this_thread::sleep_for(50ms);
                       EXPECT_EQ(::write(connection, "!", 1), 1);
                     },
                     76, "wrong reply", "the reply is wrong: more came back than was sent, 22 bytes of 21"},
        Misbehaviour{
            "AnotherReplyThatIsLonger",
            [](int connection) {
              read_all(connection);
              EXPECT_EQ(::write(connection, "HTTP/1.1 400 Bad Request\r\n", 26), 26);
            },
            76, "wrong reply",
            "the reply is wrong: 'HTTP/1.1 400 Bad Requ' where 'sentence of client 1\\x0a' was expected"},
        Misbehaviour{"Reset",
                     [](int connection) {
                       read_all(connection);
                       const linger at_once{.l_onoff = 1, .l_linger = 0};
                       EXPECT_EQ(::setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once),
                                 0);
                     },
                     74, "reset", "the connection broke: Connection reset by peer"}),
    [](const auto& test) { return test.param.name; });

TEST(Clients, SeeAServerThatClosesWhileTheyHold) {
  ServerProcess server({"--idle-timeout", "100ms"});
  const auto result = run(clients_of(server, {"3", "--slow", "2", "--delay", "60s", "--json"}));
  EXPECT_EQ(result.ending, 74);
  EXPECT_EQ(by_python(result.output, "[(c['ok'], c['error']) for c in d['clients']]"),
            "[(False, 'the server closed the connection before the sentence was sent'), (False, 'the server "
            "closed the "
            "connection before the sentence was sent'), (True, None)]\n");
}

TEST(Clients, SeeAReplyThatCameTooEarly) {
  OwnServer server(1, [](int connection) {
    EXPECT_EQ(::write(connection, "sentence of client 1\n", 21), 21);
    read_all(connection);
  });
  const auto result = run(clients_of(server.port(), {"1", "--delay", "60s", "--json"}));
  EXPECT_EQ(result.ending, 76);
  EXPECT_EQ(by_python(result.output, "[(c['replied_s'], c['ok'], c['error']) for c in d['clients']]"),
            "[(None, False, 'the reply is wrong: 21 bytes of 21 came before they were sent')]\n");
}

TEST(Clients, AReplyThatIsFollowedByMoreIsNone) {
  OwnServer server(1, [](int connection) {
    const auto text = read_all(connection);
    EXPECT_GT(::write(connection, text.data(), text.size()), 0);
    std::this_thread::sleep_for(200ms);
    EXPECT_EQ(::write(connection, "!", 1), 1);
  });
  const auto result = run(clients_of(server.port(), {"1", "--json"}));
  EXPECT_EQ(by_python(result.output, "[(c['replied_s'], c['ok']) for c in d['clients']]"),
            "[(None, False)]\n");
}

// What counts is the longest wait with no byte moved.
TEST(Clients, DoNotGiveUpWhileBytesMove) {
  OwnServer server(1, [](int connection) {
    for (const char c : read_all(connection)) {
      std::this_thread::sleep_for(150ms);
      EXPECT_EQ(::write(connection, &c, 1), 1);
    }
  });
  EXPECT_EQ(run(clients_of(server.port(), {"1", "--timeout", "2s"})).ending, 0) << "21 bytes take 3.15 s";
  ServerProcess echo;
  EXPECT_EQ(run(clients_of(echo, {"1", "--delay", "2500ms", "--timeout", "2s"})).ending, 0)
      << "nor while it holds";
}

TEST(Clients, SeeAServerThatDiesInTheMiddle) {
  ServerProcess server({"--mode", "iterative"});
  Process clients(clients_of(server, {"4", "--delay", "60s", "--json"}));
  ASSERT_TRUE(eventually([&] { return server.status().starts_with("1 of 1 sessions open"); }));
  server.process().signal(SIGKILL);
  EXPECT_EQ(clients.wait(), 74);
  EXPECT_EQ(by_python(clients.output(), "[c['ok'] for c in d['clients']]"), "[False, False, False, False]\n");
  EXPECT_NE(clients.errors().find("tcpclient: client 1: the server closed"), std::string::npos)
      << clients.errors();
}

TEST(Clients, SayThatNobodyListens) {
  OwnListener listener;
  const std::string port = listener.port();
  listener.close();
  const auto result = run(clients_of(port, {"3"}));
  EXPECT_EQ(result.ending, 69);
  EXPECT_EQ(occurrences(result.output, " refused\n"), 3U) << result.output;
  EXPECT_EQ(result.errors,
            "tcpclient: client 1: cannot connect to 127.0.0.1:" + port + ": Connection refused\n");
}

TEST(Clients, TryEachAddressOfTheHost) {
  ServerProcess server({"--bind", "127.0.0.1"});
  const auto result = run({TCPCLIENT_PROGRAM, "localhost", std::to_string(server.port()), "--clients", "3"});
  EXPECT_EQ(result.ending, 0) << result.errors;
}

TEST(Clients, GiveUpAfterTheTimeOut) {
  OwnListener listener(0);  // has a place for one; of the others the SYN is dropped
  const auto result = run(clients_of(listener.port(), {"3", "--timeout", "300ms", "--json"}));
  EXPECT_EQ(result.ending, 75);
  EXPECT_EQ(by_python(result.output, "d['errors']"), "3\n");
  const std::string connect_failed =
      "cannot connect to 127.0.0.1:" + listener.port() + ": Connection timed out";
  EXPECT_EQ(by_python(result.output, "[c['error'] for c in d['clients']]"),
            "['timed out: nothing from the server for 300ms', '" + connect_failed + "', '" + connect_failed +
                "']\n");
}

TEST(Clients, ThatAreAnsweredWaitForTheEndToo) {
  std::promise<void> client_has_ended;
  OwnServer server(1, [&](int connection) {
    const auto text = read_all(connection);
    EXPECT_GT(::write(connection, text.data(), text.size()), 0);
    client_has_ended.get_future().wait();
  });
  const auto result = run(clients_of(server.port(), {"1", "--timeout", "300ms"}));
  client_has_ended.set_value();
  EXPECT_EQ(result.ending, 75);
  EXPECT_EQ(result.errors,
            "tcpclient: client 1: timed out: the server replied, and did "
            "not close "
            "for 300ms\n");
}

TEST(Clients, AFullQueueIsSeen) {
  ServerProcess server({"--mode", "iterative", "--backlog", "3", "--bind", "127.0.0.1"});
  const auto result = run(clients_of(server, {"8", "--delay", "1500ms"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_NE(result.output.find(".........."), std::string::npos) << result.output;
  EXPECT_NE(
      in_one_line(result.output)
          .find(" connecting for a second or longer, as happens at a full listen queue: it drops the SYN"),
      std::string::npos)
      << result.output;
}

TEST(Clients, NeedDescriptors) {
  if (TCPSERVER_TEST_SANITIZED) GTEST_SKIP() << "the undefined behaviour sanitizer needs descriptors itself";
  ServerProcess server;
  auto command = clients_of(server, {"50"});
  command.insert(command.begin(), {"prlimit", "--nofile=20:20"});
  const auto result = run(command);
  EXPECT_EQ(result.ending, 71);
  EXPECT_TRUE(result.errors.starts_with("tcpclient: cannot open the socket of client 1")) << result.errors;
  EXPECT_TRUE(result.errors.ends_with(": Too many open files\n")) << result.errors;
  EXPECT_EQ(result.output, "");
}

TEST(Clients, SayWhenStandardOutputIsFull) {
  ServerProcess server;
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  const auto result = run(clients_of(server, {"2"}), {.output_fd = full});
  ::close(full);
  EXPECT_EQ(result.ending, 74);
  EXPECT_EQ(result.errors, "tcpclient: cannot write to standard output: No space left on device\n");
}

TEST(Clients, ThatAreStoppedShowWhatWasSeen) {
  for (const int signal : {SIGINT, SIGTERM}) {
    ServerProcess server;
    Process clients(clients_of(server, {"3", "--delay", "60s"}));
    ASSERT_TRUE(
        eventually([&] { return server.status().find("ended: 2 client closed;") != std::string::npos; }));
    clients.signal(signal);
    EXPECT_EQ(clients.wait(), -signal) << "ends by the signal, as whoever sent it expects";
    EXPECT_NE(clients.output().find("\n1 slow "), std::string::npos) << clients.output();
    EXPECT_NE(clients.output().find("\nStopped after "), std::string::npos) << clients.output();
    EXPECT_NE(in_one_line(clients.output()).find(", when 1 of 3 clients was not done. The 2 quick"),
              std::string::npos)
        << clients.output();
    EXPECT_EQ(clients.errors(), "");
  }
}

TEST(ClientsOnATerminal, AreDrawnAsItHappensAndInColour) {
  ServerProcess server;
  Terminal terminal(clients_of(server, {"3", "--delay", "60s"}));
  ASSERT_TRUE(terminal.shows("\x1b[30;46m=="));  // a slow client's bar grows
  ASSERT_TRUE(terminal.shows("\x1b[6A\r3 clients of 127.0.0.1")) << "six lines up, and drawn anew";
  terminal.type("\x03");  // Ctrl-C
  EXPECT_TRUE(terminal.shows("Stopped after "));
  EXPECT_EQ(terminal.process().wait(), -SIGINT);
  terminal.read_all();
  EXPECT_EQ(terminal.shown().rfind("\x1b[0m") < terminal.shown().rfind("Stopped"), true)
      << "no colour is left on";
}

TEST(ClientsOnATerminal, HaveNoColourWhereNoneIsWanted) {
  ServerProcess server;
  Terminal terminal(clients_of(server, {"3", "--delay", "300ms"}), {80, 24}, {"TERM=xterm", "NO_COLOR=1"});
  EXPECT_TRUE(terminal.shows("The 2 quick clients waited "));
  EXPECT_EQ(terminal.process().wait(), 0);
  EXPECT_EQ(terminal.shown().find("\x1b[30"), std::string::npos);
  EXPECT_NE(terminal.shown().find("\x1b[6A\r"), std::string::npos) << "but it is redrawn";

  Terminal empty(clients_of(server, {"3"}), {80, 24}, {"TERM=xterm", "NO_COLOR="});
  EXPECT_TRUE(empty.shows("\x1b[30")) << "an empty NO_COLOR is none (no-color.org)";
}

// Output is stopped by Ctrl-S, before the run begins.
class ClientsOnAFrozenTerminal : public ::testing::Test {
 protected:
  ServerProcess server;
  std::unique_ptr<Terminal> frozen(const std::string& options) {
    auto terminal = std::make_unique<Terminal>(
        std::vector<std::string>{"/bin/sh", "-c",
                                 "stty -echo; echo ready; read go; exec " TCPCLIENT_PROGRAM " 127.0.0.1 " +
                                     std::to_string(server.port()) + " --clients " + options});
    EXPECT_TRUE(terminal->shows("ready"));
    terminal->type("\x13go\n");
    return terminal;
  }
};

TEST_F(ClientsOnAFrozenTerminal, AreServedAllTheSame) {
  const auto terminal = frozen("5");
  EXPECT_TRUE(eventually([&] { return server.status().find("5 client closed;") != std::string::npos; }));
  std::this_thread::sleep_for(1200ms);
  terminal->type("\x11");  // Ctrl-Q
  EXPECT_TRUE(terminal->shows("5 clients waited ")) << terminal->shown();
  EXPECT_EQ(terminal->process().wait(), 0);
  terminal->read_all();
  EXPECT_EQ(terminal->shown().find("for a second or longer"), std::string::npos) << terminal->shown();
}

TEST_F(ClientsOnAFrozenTerminal, AreStoppedAllTheSame) {
  for (const auto later : {0ms, 200ms}) {  // with no frame under way, and with one
    const auto terminal = frozen("3 --delay 60s");
    EXPECT_TRUE(eventually([&] { return server.status().starts_with("1 of 1000 sessions open"); }));
    std::this_thread::sleep_for(later);
    terminal->process().signal(SIGTERM);
    EXPECT_EQ(terminal->process().wait(), -SIGTERM);
    EXPECT_TRUE(eventually([&] { return server.status().starts_with("0 of 1000 sessions open"); }));
  }
}

TEST(Clients, WhoseReaderStallsAreStoppedAllTheSame) {
  ServerProcess server;
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const std::string full(1 << 16, 'x');
  ASSERT_EQ(::write(pipe[1], full.data(), full.size()), static_cast<ssize_t>(full.size()));
  for (const char* json : {"--json", "--message=x"}) {
    Process clients(clients_of(server, {"3", "--delay", "60s", json}), {.output_fd = pipe[1]});
    ASSERT_TRUE(eventually([&] { return server.status().starts_with("1 of 1000 sessions open"); }));
    clients.signal(SIGTERM);
    EXPECT_EQ(clients.wait(), -SIGTERM);
    ASSERT_TRUE(eventually([&] { return server.status().starts_with("0 of 1000 sessions open"); }));
  }
  ::close(pipe[0]);
  ::close(pipe[1]);
}

// A look takes 15 ms, so that in some tries the signal comes in the middle of the last one.
TEST(Clients, ARequestToStopThatComesWithTheLastReplyLosesNothing) {
  if (TCPSERVER_TEST_SANITIZED)
    GTEST_SKIP() << "strace and the address sanitizer's leak check exclude each other";
  if (find_command("strace").empty()) GTEST_SKIP() << "strace is not installed";
  for (auto later = 0ms; later < 32ms; later += 3ms) {
    std::promise<void> closed;
    OwnServer server(1, [&](int connection) {
      const auto text = read_all(connection);
      EXPECT_GT(::write(connection, text.data(), text.size()), 0);
      ::shutdown(connection, SHUT_WR);
      closed.set_value();
    });
    auto command = clients_of(server.port(), {"1"});
    command.insert(command.begin(), {"strace", "-D", "-qq", "-o", "/dev/null", "-e", "trace=ppoll", "-e",
                                     "inject=ppoll:delay_exit=15000"});
    Process clients(command);
    closed.get_future().wait();
    std::this_thread::sleep_for(later);
    clients.signal(SIGTERM);
    clients.wait();
    EXPECT_NE(clients.output().find("1 client of "), std::string::npos) << clients.output();
  }
}

TEST(ClientsOnATerminal, ThatSomebodyMadeNonBlockingAreDrawn) {
  ServerProcess server;
  Terminal terminal({"python3", "-c",
                     "import os, sys\nos.set_blocking(1, False)\nos.execv(sys.argv[1], sys.argv[1:])",
                     TCPCLIENT_PROGRAM, "127.0.0.1", std::to_string(server.port()), "--clients", "200",
                     "--delay", "300ms"});
  EXPECT_TRUE(terminal.shows("The 199 quick clients waited ")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST(ClientsOnATerminal, ThatOnlyPrintsAreDrawnOnce) {
  ServerProcess server;
  Terminal terminal(clients_of(server, {"3", "--delay", "300ms"}), {80, 24}, {"TERM=dumb"});
  EXPECT_EQ(terminal.process().wait(), 0);
  terminal.read_all();
  EXPECT_EQ(terminal.shown().find('\x1b'), std::string::npos);
  EXPECT_EQ(occurrences(terminal.shown(), "3 clients of"), 1U) << terminal.shown();
}

class ClientsInTmux : public ::testing::Test {
 protected:
  void SetUp() override {
    if (find_command("tmux").empty()) GTEST_SKIP() << "tmux is not installed";
  }

  ServerProcess server{std::vector<std::string>{"--mode", "iterative"}};
  std::string command(const std::string& options) {
    return std::string("echo before; ") + TCPCLIENT_PROGRAM + " 127.0.0.1 " + std::to_string(server.port()) +
           " " + options;
  }
  static bool over(const Tmux& tmux) { return tmux.screen().find("served after it") != std::string::npos; }
};

TEST_F(ClientsInTmux, LeaveOnePictureAndWhatWasThereBefore) {
  Tmux tmux(80, 24, command("--clients 4 --delay 1500ms"));
  ASSERT_EQ(tmux.errors(), "");
  EXPECT_TRUE(eventually([&] { return over(tmux); })) << tmux.screen();
  const auto lines = lines_of(tmux.screen());
  ASSERT_GE(lines.size(), 9U);
  EXPECT_EQ(lines[0], "before");
  EXPECT_TRUE(lines[1].starts_with("4 clients of 127.0.0.1 port ")) << lines[1];
  EXPECT_TRUE(lines[3].starts_with("1 slow ====")) << lines[3];
  EXPECT_TRUE(lines[6].starts_with("4      ####")) << lines[6];
  EXPECT_TRUE(lines[8].starts_with("The 3 quick clients waited 1.5")) << lines[8];
  EXPECT_EQ(occurrences(tmux.screen(), "4 clients of"), 1U) << tmux.screen();
}

TEST_F(ClientsInTmux, FollowTheSizeOfTheWindow) {
  Tmux tmux(100, 24, command("--clients 4 --delay 3s"));
  ASSERT_EQ(tmux.errors(), "");
  const auto longest_line = [&] {
    std::size_t longest = 0;
    for (const auto& line : lines_of(tmux.screen())) longest = std::max(longest, line.size());
    return longest;
  };
  ASSERT_TRUE(eventually([&] { return longest_line() == 99; })) << tmux.screen();
  tmux.resize(60, 24);
  EXPECT_TRUE(eventually([&] { return longest_line() == 59; })) << tmux.screen();
  EXPECT_EQ(occurrences(tmux.screen(), "4 clients of"), 1U) << tmux.screen();
  tmux.resize(90, 24);
  EXPECT_TRUE(eventually([&] { return longest_line() == 89; })) << tmux.screen();
  EXPECT_TRUE(eventually([&] { return over(tmux); })) << tmux.screen();
  EXPECT_EQ(occurrences(tmux.screen(), "4 clients of"), 1U) << tmux.screen();
}

TEST_F(ClientsInTmux, FitIntoALowWindowAndAreWholeInTheEnd) {
  Tmux tmux(80, 12, command("--clients 20 --delay 1500ms"));
  ASSERT_EQ(tmux.errors(), "");
  EXPECT_TRUE(eventually([&] {
    const auto screen = tmux.screen();
    return occurrences(screen, "20 clients of") == 1 &&
           screen.find("and 13 more: 0 answered") != std::string::npos;
  })) << tmux.screen();
  EXPECT_TRUE(eventually([&] { return over(tmux); })) << tmux.screen();
  const auto all = tmux.history();
  EXPECT_EQ(occurrences(all, "20 clients of"), 1U) << all;
  for (int id = 2; id <= 20; ++id) {
    EXPECT_EQ(occurrences(all, (id < 10 ? "\n " : "\n") + std::to_string(id) + "      ###"), 1U) << id << all;
  }
}

}  // namespace
