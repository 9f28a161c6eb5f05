#include "harness/json.hpp"
#include "harness/strace.hpp"
#include "harness/text.hpp"
#include "programs/load.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

// tcpload against servers that misbehave, and with system calls that fail.
namespace {

using namespace harness;
using namespace std::chrono_literals;

struct BadAnswer {
  const char* name;
  OwnServer::Answer answer;
  const char* kind;
  int ending;
  std::string sentence;
};

void PrintTo(const BadAnswer& bad, std::ostream* stream) {
  *stream << bad.name;
}

class LoadFromBadServer : public ::testing::TestWithParam<BadAnswer> {};

TEST_P(LoadFromBadServer, ReportsTheError) {
  const auto& [name, answer, kind, ending, sentence] = GetParam();
  OwnServer server(3, answer);
  const auto result =
      run_to(ending, load_command(server.port(), {"--connections", "3", "--concurrency", "1", "--json"}));
  EXPECT_EQ(result.errors, "tcpload: connection 1: " + sentence + "\n");
  const Json json(result.output);
  EXPECT_EQ(json.values("connections errors errors_by_kind." + std::string(kind)), "3 3 3");
  EXPECT_EQ(json.values("requested answered unanswered failed not_started"), "3 0 0 3 0");
  EXPECT_EQ(json.values("first_error"), "connection 1: " + sentence);
}

// Reads a message, changes it and sends it back.
OwnServer::Answer answer_with(const std::function<std::string(std::string)>& change) {
  return [change](int connection) {
    write_text(connection, change(read_message(connection)));
    ::shutdown(connection, SHUT_WR);
    read_all(connection);
  };
}

INSTANTIATE_TEST_SUITE_P(
    Replies, LoadFromBadServer,
    ::testing::Values(BadAnswer{"OneByteChanged", answer_with([](std::string text) {
                                  text[12] = static_cast<char>(text[12] ^ 0x80);
                                  return text;
                                }),
                                "wrong_bytes", 76, "byte 13 of the reply is wrong"},
                      BadAnswer{"ReplyOfAnotherConnection", answer_with([](const std::string& text) {
                                  static std::string last(message_size, 'x');
                                  return std::exchange(last, text);
                                }),
                                "wrong_bytes", 76, "byte 1 of the reply is wrong"},
                      BadAnswer{"MoreThanWasSent",
                                answer_with([](const std::string& text) { return text + "!"; }),
                                "wrong_bytes", 76, "reply too long: unexpected bytes from byte 33"},
                      BadAnswer{"CutShort",
                                answer_with([](const std::string& text) { return text.substr(0, 20); }),
                                "closed_early", 74, "the server closed the connection after 20 of 32 bytes"},
                      BadAnswer{"Reset",
                                [](int connection) {
                                  read_message(connection);
                                  reset_on_close(connection);
                                },
                                "reset", 74, "connection lost: Connection reset by peer"}),
    [](const auto& test) { return test.param.name; });

TEST(LoadErrors, AreOneLineIfNoConnectionIsEstablished) {
  OwnListener listener;
  listener.close();
  const auto refused = run_to(69, load_command(listener.port(), {"-n", "500"}));
  EXPECT_EQ(refused.output, "");
  EXPECT_EQ(refused.errors, "tcpload: cannot connect to 127.0.0.1:" + listener.port() +
                                ": Connection refused (is the server running?)\n");
  const auto unreachable = run_to(69, {TCPLOAD_PROGRAM, "-n", "2", "255.255.255.255", "9"});
  EXPECT_EQ(unreachable.output, "");
  EXPECT_TRUE(contains(unreachable.errors, "255.255.255.255:9: Network is unreachable ("));
}

TEST(LoadErrors, CountRefusedConnectionsInJson) {
  OwnListener listener;
  listener.close();
  const auto result = run_to(69, load_command(listener.port(), {"--connections", "500", "--json"}));
  EXPECT_EQ(Json(result.output).values("connections errors_by_kind.refused latency_us"), "500 500 null");
}

TEST(LoadErrors, ReportAnUnknownHost) {
  const auto result = run({TCPLOAD_PROGRAM, "no-such-host.invalid", "80", "--timeout", "30s"});
  EXPECT_TRUE(result.ending == 68 || result.ending == 75) << "75: no resolver answers here";
  EXPECT_TRUE(contains(result.errors, "'no-such-host.invalid'"));
}

// The server accepts nothing. With a free place in its queue the kernel connects, and the run stalls. A full
// queue drops the SYN of all but one.
TEST(LoadErrors, CountTimeoutsOfASilentServer) {
  const struct {
    int backlog;
    const char *connections, *concurrency, *values;
  } runs[] = {{50, "100000", "5", "stalled 5 5"}, {0, "4", "4", "done 4 4"}};
  for (const auto& [backlog, connections, concurrency, values] : runs) {
    OwnListener listener(backlog);
    const auto result =
        run_to(75, load_command(listener.port(), {"--connections", connections, "--concurrency", concurrency,
                                                  "--timeout", "300ms", "--json"}));
    EXPECT_TRUE(contains(result.errors, "connection 1: timed out"));
    EXPECT_TRUE(contains(result.errors, "connection limit") || backlog == 0) << result.errors;
    EXPECT_EQ(Json(result.output).values("ended connections errors_by_kind.timed_out"), values);
  }
}

TEST(LoadErrors, DoNotEndTheRun) {
  std::optional<int> hanging;
  OwnServer server(40, [&](int connection) {
    if (!hanging) {
      hanging = ::dup(connection);
      return;
    }
    std::this_thread::sleep_for(10ms);
    write_text(connection, read_message(connection));
    read_all(connection);
  });
  const auto result = run_to(75, load_command(server.port(), {"--connections", "40", "--concurrency", "2",
                                                              "--timeout", "200ms", "--json"}));
  if (hanging) ::close(*hanging);
  EXPECT_EQ(Json(result.output).values("ended connections errors_by_kind.timed_out"), "done 40 1");
}

// The server accepts no more while its slots are taken, and the kernel connects further clients to its queue.
TEST(LoadErrors, NameTheFirstConnectionBeyondTheServersLimit) {
  ServerProcess server({"--max-connections", "10"});
  for (const auto& [concurrency, counts] : {std::pair("15", "15 10 5 0 0"), {"100", "100 10 64 0 26"}}) {
    const auto result =
        run_to(75, load_command(server, {"--hold", "1h", "-c", concurrency, "--timeout", "1s", "--json"}));
    const Json json(result.output);
    EXPECT_EQ(json.values("requested answered unanswered failed not_started"), counts);
    EXPECT_EQ(json.values("ended held errors_by_kind.timed_out"),
              "stalled null " + json.values("unanswered"));
    EXPECT_TRUE(contains(result.errors, "connection 11: timed out: no reply"));
    EXPECT_TRUE(contains(result.errors, "limit"));
  }
}

TEST(LoadErrors, CountHeldConnectionsThatTheServerCloses) {
  ServerProcess server({"--idle-timeout", "200ms"});
  const auto result = run_to(74, load_command(server, {"--hold", "1h", "--concurrency", "3", "--json"}));
  EXPECT_EQ(Json(result.output).values("held errors_by_kind.closed_early"), "0 3");
  EXPECT_TRUE(contains(result.errors, "closed the connection while it was held")) << result.errors;
}

using LoadFault = Injection;

TEST_F(LoadFault, IsCountedByKind) {
  const struct {
    const char *call, *how;
    std::size_t injected;
    int ending;
    const char *keys, *values, *message;
  } faults[] = {{"connect", "error=EADDRNOTAVAIL:when=3..5", 3, 71,
                 "errors_by_kind.no_port connections errors", "3 20 3", "connection 3: no free local port"},
                {"socket", "error=EMFILE:when=4", 1, 71, "errors_by_kind.no_descriptor connections", "1 20",
                 "cannot open a socket"},
                {"recvfrom", "error=ENOBUFS:when=2", 1, 74, "errors_by_kind.other", "1",
                 "connection 2: connection lost: No buffer space available"},
                {"recvfrom,sendto", "error=EINTR:when=2..4", 6, 0, "errors bytes_received", "0 640", ""}};
  ServerProcess server;
  for (const auto& fault : faults) {
    SCOPED_TRACE(fault.how);
    auto command = failing(fault.call, fault.how);
    const auto load = load_command(server, {"--connections", "20", "--concurrency", "1", "--json"});
    command.insert(command.end(), load.begin(), load.end());
    const auto result = run(command, without_leak_check());
    EXPECT_EQ(injected(), fault.injected);
    EXPECT_EQ(result.ending, fault.ending);
    EXPECT_EQ(Json(result.output).values(fault.keys), fault.values);
    EXPECT_TRUE(contains(result.errors, fault.message));
  }
}

}  // namespace
