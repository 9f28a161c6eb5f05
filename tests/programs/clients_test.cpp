#include "harness/json.hpp"
#include "harness/stalled_reader.hpp"
#include "harness/strace.hpp"
#include "harness/text.hpp"
#include "programs/load.hpp"

#include <fcntl.h>
#include <signal.h>

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <thread>

// tcpclient --clients.
namespace {

using namespace harness;
using namespace std::chrono_literals;

TEST(Clients, DoNotWaitForASlowOneInForkMode) {
  ServerProcess server;
  const auto result = run_to(0, clients_command(server, {"6", "--slow", "2", "--delay", "1s", "--json"}));
  const Json json(result.output);
  EXPECT_EQ(json.values("clients.*.id"), "1 2 3 4 5 6");
  EXPECT_EQ(json.values("clients.*.slow"), "true true false false false false");
  EXPECT_EQ(json.values("clients.*.ok"), "true true true true true true");
  EXPECT_LT(json.number("quick_wait_max_s"), 1);
  for (std::size_t i = 0; i < 6; ++i) {
    const auto time = [&](const char* key) { return json.numbers(std::string("clients.*.") + key).at(i); };
    EXPECT_LE(time("started_s"), time("connected_s"));
    EXPECT_LE(time("connected_s") + (i < 2 ? 1 : 0), time("sent_s"));
    EXPECT_LE(time("sent_s"), time("replied_s"));
  }
}

TEST(Clients, WaitForTheSlowOneInIterativeMode) {
  ServerProcess server({"--mode", "iterative"});
  const auto result = run_to(0, clients_command(server, {"5", "--delay", "700ms", "--json"}));
  const Json json(result.output);
  EXPECT_EQ(json.values("clients.*.slow"), "true false false false false") << "with --delay: one";
  for (const double replied : json.numbers("clients.*.replied_s")) EXPECT_GE(replied, 0.7);
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(contains(server.last_line(), "5 accepted; sessions ended: 5 closed by client;"))
      << server.last_line();
}

TEST(Clients, AreDrawnOnceWithoutATerminal) {
  ServerProcess server({"--mode", "iterative"});
  const auto result = run_to(0, clients_command(server, {"3", "--delay", "300ms"}));
  EXPECT_EQ(result.errors, "");
  EXPECT_FALSE(contains(result.output, "\x1b")) << "no terminal, no colours";
  const auto lines = split_lines(result.output);
  ASSERT_GE(lines.size(), 7U) << result.output;
  EXPECT_TRUE(lines[0].starts_with("3 clients of 127.0.0.1:")) << lines[0];
  EXPECT_TRUE(lines[2].starts_with("1 slow ")) << lines[2];
  EXPECT_GT(occurrences(lines[2], "="), 30U) << lines[2];
  for (const auto& quick : {lines[3], lines[4]}) EXPECT_GT(occurrences(quick, "#"), 30U) << quick;
  EXPECT_TRUE(lines[6].starts_with("The 2 quick clients waited ")) << lines[6];
  for (const auto& line : lines) EXPECT_LT(line.size(), 80U) << line;
}

TEST(Clients, CompareRepliesWithTheService) {
  ServerProcess upper({"--service", "upper"});
  EXPECT_EQ(run(clients_command(upper, {"3", "--service", "upper"})).ending, 0);
  const auto wrong = run_to(76, clients_command(upper, {"3", "--message", "hello"}));
  EXPECT_EQ(occurrences(wrong.output, " wrong reply\n"), 3U) << wrong.output;
  EXPECT_EQ(wrong.errors,
            "tcpclient: client 1: wrong reply: received 'HELLO\\x0a', expected 'hello\\x0a' "
            "(try --service upper)\n");
  ServerProcess echo;
  EXPECT_EQ(run(clients_command(echo, {"3", "--message", "1234"})).ending, 0);
  EXPECT_EQ(run(clients_command(echo, {"3", "--service", "upper"})).ending, 76);
}

TEST(Clients, SendALongMessage) {
  ServerProcess server;
  // The longest argument (MAX_ARG_STRLEN, execve(2)).
  const auto result = run_to(0, clients_command(server, {"4", "--message", std::string(131000, 'x')}));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(contains(server.last_line(), "; 524004 bytes in, 524004 out")) << server.last_line();
}

struct Misbehaviour {
  const char* name;
  std::function<void(int connection, std::string text)> answer;
  int ending;
  const char* word;
  const char* reason;  // a part of the error message
};

void PrintTo(const Misbehaviour& misbehaviour, std::ostream* stream) {
  *stream << misbehaviour.name;
}

class ClientsOfBadServer : public ::testing::TestWithParam<Misbehaviour> {};

TEST_P(ClientsOfBadServer, ReportTheError) {
  const auto& [name, answer, ending, word, reason] = GetParam();
  OwnServer server(2, [&answer = answer](int connection) { answer(connection, read_all(connection)); });
  const auto result = run(clients_command(server.port(), {"2"}));
  EXPECT_EQ(result.ending, ending);
  EXPECT_EQ(occurrences(result.output, std::string(" ") + word + "\n"), 2U) << result.output;
  EXPECT_TRUE(contains(result.errors, "client 1: ") && contains(result.errors, reason)) << result.errors;
}

INSTANTIATE_TEST_SUITE_P(
    Replies, ClientsOfBadServer,
    ::testing::Values(
        Misbehaviour{"NoReply", [](int, const std::string&) {}, 74, "no reply", "without a reply"},
        Misbehaviour{"ShortReply",
                     [](int fd, const std::string& text) { write_text(fd, text.substr(0, text.size() - 1)); },
                     74, "short reply", "20 of 21 bytes"},
        Misbehaviour{"OneByteChanged",
                     [](int fd, std::string text) {
                       text[12] = 'C';
                       write_text(fd, text);
                     },
                     76, "wrong reply", "'sentence of Client 1\\x0a'"},
        Misbehaviour{"MoreThanWasSent", [](int fd, const std::string& text) { write_text(fd, text + "!"); },
                     76, "wrong reply", "received 22 bytes, expected 21"},
        Misbehaviour{"ReplyOfAnotherProtocol",
                     [](int fd, const std::string&) { write_text(fd, "HTTP/1.1 400 Bad Request\r\n"); }, 76,
                     "wrong reply", "'HTTP/1.1 400 Bad Requ'"},
        Misbehaviour{"Reset", [](int fd, const std::string&) { reset_on_close(fd); }, 74, "reset",
                     "Connection reset by peer"}),
    [](const auto& test) { return test.param.name; });

TEST(Clients, DetectAServerThatClosesWhileTheyHold) {
  ServerProcess server({"--idle-timeout", "100ms"});
  const auto result = run_to(74, clients_command(server, {"3", "--slow", "2", "--delay", "60s", "--json"}));
  const Json json(result.output);
  EXPECT_EQ(json.values("clients.*.ok"), "false false true");
  EXPECT_EQ(occurrences(json.values("clients.*.error"), "closed the connection before"), 2U);
}

TEST(Clients, RejectEarlyAndOverlongReplies) {
  const OwnServer::Answer early = [](int connection) {
    write_text(connection, "sentence of client 1\n");
    read_all(connection);
  };
  const OwnServer::Answer more = [](int connection) {
    write_text(connection, read_all(connection));
    std::this_thread::sleep_for(100ms);
    write_text(connection, "!");
  };
  for (const auto& [answer, delay] : {std::pair(early, "60s"), std::pair(more, "1ms")}) {
    OwnServer server(1, answer);
    const auto result = run_to(76, clients_command(server.port(), {"1", "--delay", delay, "--json"}));
    EXPECT_EQ(Json(result.output).values("clients.0.replied_s clients.0.ok"), "null false");
  }
}

TEST(Clients, DoNotTimeOutWhileBytesArrive) {
  OwnServer server(1, [](int connection) {
    for (const char c : read_all(connection)) {
      std::this_thread::sleep_for(70ms);
      write_text(connection, {c});
    }
  });
  EXPECT_EQ(run(clients_command(server.port(), {"1", "--timeout", "1s"})).ending, 0)
      << "21 bytes take 1.47 s";
  ServerProcess echo;
  EXPECT_EQ(run(clients_command(echo, {"1", "--delay", "1200ms", "--timeout", "1s"})).ending, 0)
      << "a hold is no time-out";
}

TEST(Clients, DetectAServerThatDies) {
  ServerProcess server({"--mode", "iterative"});
  Process clients(clients_command(server, {"4", "--delay", "60s", "--json"}));
  ASSERT_TRUE(server.status_shows("1 of 1 sessions open"));
  server.process().signal(SIGKILL);
  EXPECT_EQ(clients.wait(), 74);
  EXPECT_EQ(Json(clients.output()).values("clients.*.ok"), "false false false false");
  EXPECT_TRUE(contains(clients.errors(), "client 1: the server closed")) << clients.errors();
}

TEST(Clients, PrintOneLineIfNoneCanConnect) {
  OwnListener listener;
  listener.close();
  const auto refused = run_to(69, clients_command(listener.port(), {"3"}));
  EXPECT_EQ(refused.output, "");
  EXPECT_EQ(refused.errors, "tcpclient: cannot connect to 127.0.0.1:" + listener.port() +
                                ": Connection refused (is the server running?)\n");
  const auto unreachable = run_to(69, {TCPCLIENT_PROGRAM, "-n", "2", "255.255.255.255", "9"});
  EXPECT_TRUE(contains(unreachable.errors, "255.255.255.255:9: Network is unreachable ("));
}

TEST(Clients, GiveUpAfterTheTimeout) {
  OwnListener listener(0);  // its queue has one place; it drops the SYNs of the others
  const auto result = run_to(75, clients_command(listener.port(), {"3", "--timeout", "300ms", "--json"}));
  const Json json(result.output);
  EXPECT_EQ(json.values("errors"), "3");
  EXPECT_TRUE(contains(json.values("clients.0.error"), "timed out: no progress for 300ms"));
  EXPECT_EQ(occurrences(json.values("clients.*.error"), ": Connection timed out"), 2U);
}

TEST(Clients, WaitForTheServerToClose) {
  std::promise<void> client_has_ended;
  OwnServer server(1, [&](int connection) {
    write_text(connection, read_all(connection));
    client_has_ended.get_future().wait();
  });
  const auto result = run(clients_command(server.port(), {"1", "--timeout", "300ms"}));
  client_has_ended.set_value();
  EXPECT_EQ(result.ending, 75);
  EXPECT_TRUE(contains(result.errors, "the server replied but did not close")) << result.errors;
}

TEST(Clients, ReportAShortageOfDescriptors) {
  ServerProcess server;
  for (auto command : {clients_command(server, {"50"}), load_command(server, {"--concurrency", "50"})}) {
    command.insert(command.begin(), {"prlimit", "--nofile=20:20"});
    const auto result = run_to(71, command);
    EXPECT_TRUE(contains(result.errors, ": 50 connections need 66 descriptors; the limit is 20"));
    EXPECT_EQ(result.output, "");
  }
}

TEST(Clients, ReportAFailedStandardOutput) {
  ServerProcess server;
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  for (const auto& command : {clients_command(server, {"2"}), load_command(server, {"--connections", "2"})}) {
    const auto result = run(command, {.output_fd = full});
    EXPECT_EQ(result.ending, 74);
    EXPECT_TRUE(contains(result.errors, "standard output: No space left on device\n"));
  }
  ::close(full);
}

TEST(Clients, DrawTheirTimelineWhenASignalStopsThem) {
  for (const int signal : {SIGINT, SIGTERM}) {
    ServerProcess server;
    Process clients(clients_command(server, {"3", "--delay", "60s"}));
    ASSERT_TRUE(server.status_shows("ended: 2 closed by client;"));
    clients.signal(signal);
    EXPECT_EQ(clients.wait(), -signal) << "dies of the signal";
    for (const char* part : {" 1 slow ", " Stopped after ", "; 1 of 3 clients had not finished."}) {
      EXPECT_TRUE(contains(in_one_line(clients.output()), part)) << clients.output();
    }
    EXPECT_EQ(clients.errors(), "");
  }
}

TEST(Clients, StopEvenIfTheReaderStalls) {
  ServerProcess server;
  const StalledReader reader;
  for (const char* json : {"--json", "--message=x"}) {
    Process clients(clients_command(server, {"3", "--delay", "60s", json}), {.output_fd = reader.fd()});
    ASSERT_TRUE(server.status_shows("1 of 1000 sessions open"));
    clients.signal(SIGTERM);
    EXPECT_EQ(clients.wait(), -SIGTERM);
    ASSERT_TRUE(server.status_shows("0 of 1000 sessions open"));
  }
}

using ClientsTraced = Injection;

// Each wait takes 15 ms, so that the signal arrives during the last one.
TEST_F(ClientsTraced, PrintTheTimelineIfASignalComesWithTheLastReply) {
  for (auto later = 0ms; later < 12ms; later += 2ms) {
    std::promise<void> closed;
    OwnServer server(1, [&](int connection) {
      write_text(connection, read_all(connection));
      ::shutdown(connection, SHUT_WR);
      closed.set_value();
    });
    auto command = failing("epoll_pwait,epoll_pwait2", "delay_exit=15000");
    const auto traced = clients_command(server.port(), {"1"});
    command.insert(command.end(), traced.begin(), traced.end());
    Process clients(command, without_leak_check());
    closed.get_future().wait();
    std::this_thread::sleep_for(later);
    clients.signal(SIGTERM);
    clients.wait();
    EXPECT_TRUE(contains(clients.output(), "1 client of ")) << clients.output();
  }
}

}  // namespace
