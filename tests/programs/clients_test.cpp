#include "programs/clients.hpp"

#include "harness/json.hpp"
#include "harness/own_server.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <thread>

// tcpclient --clients.
namespace {

using namespace harness;
using namespace std::chrono_literals;

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
        Misbehaviour{"NoReply", [](int connection) { read_all(connection); }, 74, "no reply",
                     "the server closed the connection without a reply"},
        Misbehaviour{"ShortReply",
                     [](int connection) {
                       const auto text = read_all(connection);
                       EXPECT_GT(::write(connection, text.data(), text.size() - 1), 0);
                     },
                     74, "short reply", "the server closed the connection after 20 of 21 bytes"},
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
    command.insert(command.begin(),
                   {"strace", "-D", "-qq", "-o", "/dev/null", "-e", "trace=epoll_pwait,epoll_pwait2", "-e",
                    "inject=epoll_pwait,epoll_pwait2:delay_exit=15000"});
    Process clients(command);
    closed.get_future().wait();
    std::this_thread::sleep_for(later);
    clients.signal(SIGTERM);
    clients.wait();
    EXPECT_NE(clients.output().find("1 client of "), std::string::npos) << clients.output();
  }
}

}  // namespace
