#include "harness/json.hpp"
#include "harness/own_server.hpp"
#include "harness/server_process.hpp"
#include "harness/strace.hpp"
#include "harness/text.hpp"
#include "programs/load.hpp"

#include <sys/socket.h>

#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <utility>

// tcpload against servers that do what they must not.
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

class LoadOn : public ::testing::TestWithParam<BadAnswer> {};

TEST_P(LoadOn, CountsItAndSaysIt) {
  const auto& [name, answer, kind, ending, sentence] = GetParam();
  OwnServer server(3, answer);
  const auto result = run(
      load_on(server.port(), {"--connections", "3", "--concurrency", "1", "--timeout", "300ms", "--json"}));
  EXPECT_EQ(result.ending, ending);
  EXPECT_EQ(result.errors, "tcpload: connection 1: " + sentence + "\n");
  const Json json(result.output);
  EXPECT_EQ(json.values("connections errors errors_by_kind." + std::string(kind)), "3 3 3");
  EXPECT_EQ(json.values("first_error"), "connection 1: " + sentence);
}

INSTANTIATE_TEST_SUITE_P(
    BadServers, LoadOn,
    ::testing::Values(
        BadAnswer{"OneByteChanged",
                  [](int connection) {
                    auto text = read_message(connection);
                    text[12] = static_cast<char>(text[12] ^ 0x80);
                    write_text(connection, text);
                    read_all(connection);
                  },
                  "wrong_bytes", 76, "byte 13 of the reply is wrong"},
        BadAnswer{"TheAnswerOfAnother",
                  [](int connection) {
                    static std::string last(message_size, 'x');
                    const auto text = read_message(connection);
                    write_text(connection, std::exchange(last, text));
                    read_all(connection);
                  },
                  "wrong_bytes", 76, "byte 1 of the reply is wrong"},
        BadAnswer{"MoreThanWasSent",
                  [](int connection) {
                    write_text(connection, read_message(connection) + "!");
                    read_all(connection);
                  },
                  "wrong_bytes", 76, "more came back than was sent, from byte 33 on"},
        BadAnswer{"CutShort",
                  [](int connection) { write_text(connection, read_message(connection).substr(0, 20)); },
                  "closed_early", 74, "the server closed the connection after 20 of 32 bytes"},
        BadAnswer{"Reset",
                  [](int connection) {
                    read_message(connection);
                    const linger at_once{.l_onoff = 1, .l_linger = 0};
                    EXPECT_EQ(::setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
                  },
                  "reset", 74, "the connection broke: Connection reset by peer"}),
    [](const auto& test) { return test.param.name; });

TEST(LoadErrors, OfNobodyWhoListens) {
  OwnListener listener;
  const std::string port = listener.port();
  listener.close();
  const auto result = run(load_on(port, {"--connections", "500", "--json"}));
  EXPECT_EQ(result.ending, 69);
  EXPECT_TRUE(contains(result.errors, "127.0.0.1:" + port + ": Connection refused"));
  EXPECT_EQ(Json(result.output).values("connections errors_by_kind.refused latency_us"), "500 500 null");
}

TEST(LoadErrors, OfAnUnknownHost) {
  const auto result = run({TCPLOAD_PROGRAM, "no-such-host.invalid", "80", "--timeout", "30s"});
  EXPECT_TRUE(result.ending == 68 || result.ending == 75) << "75: no resolver answers here";
  EXPECT_TRUE(contains(result.errors, "'no-such-host.invalid'"));
}

// A run that nobody answers is over after the time-out, however many connections were to come.
TEST(LoadErrors, OfAServerThatNeverAnswersEndTheRun) {
  OwnListener listener(50);  // the kernel connects, and nobody accepts
  const auto result = run(load_on(
      listener.port(), {"--connections", "100000", "--concurrency", "5", "--timeout", "300ms", "--json"}));
  EXPECT_EQ(result.ending, 75);
  EXPECT_TRUE(contains(result.errors, "connection 1: timed out"));
  EXPECT_EQ(Json(result.output).values("ended connections errors_by_kind.timed_out"), "stalled 5 5");
}

TEST(LoadErrors, OfAFullQueueAreTimeOuts) {
  OwnListener listener(0);  // has a place for one; of the others the SYN is dropped
  const auto result = run(
      load_on(listener.port(), {"--connections", "4", "--concurrency", "4", "--timeout", "300ms", "--json"}));
  EXPECT_EQ(result.ending, 75);
  EXPECT_EQ(Json(result.output).values("ended errors_by_kind.timed_out"), "done 4");
}

TEST(LoadErrors, OfOneConnectionThatHangsEndThatOne) {
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
  const auto result = run(
      load_on(server.port(), {"--connections", "40", "--concurrency", "2", "--timeout", "200ms", "--json"}));
  if (hanging) ::close(*hanging);
  EXPECT_EQ(result.ending, 75);
  EXPECT_EQ(Json(result.output).values("ended connections errors_by_kind.timed_out"), "done 40 1")
      << result.output;
}

TEST(LoadErrors, OfAServerThatClosesWhatIsHeld) {
  ServerProcess server({"--idle-timeout", "200ms"});
  const auto result = run(load_on(server, {"--hold", "1h", "--concurrency", "3", "--json"}));
  EXPECT_EQ(result.ending, 74);
  EXPECT_EQ(Json(result.output).values("held errors_by_kind.closed_early"), "0 3");
}

TEST(LoadErrors, OfABulkThatIsNotEnded) {
  std::promise<void> load_has_ended;
  OwnServer server(1, [&](int connection) {
    write_text(connection, read_all(connection));
    load_has_ended.get_future().wait();
  });
  const auto result = run(load_on(server.port(), {"--bulk", "100", "--timeout", "300ms"}));
  load_has_ended.set_value();
  EXPECT_EQ(result.ending, 75);
  EXPECT_TRUE(contains(result.errors, "after 100 of 100 bytes had come back\n"));
}

TEST(LoadErrors, OfTooFewDescriptorsAreSaidBeforeTheRun) {
  ServerProcess server;
  auto command = load_on(server, {"--concurrency", "50"});
  command.insert(command.begin(), {"prlimit", "--nofile=40:40"});
  const auto result = run(command);
  EXPECT_EQ(result.ending, 71);
  EXPECT_TRUE(contains(result.errors, "--concurrency: 50 "));
  EXPECT_EQ(result.output, "");
}

TEST(LoadErrors, OfAFullDisk) {
  ServerProcess server;
  auto command = load_on(server, {"--connections", "2"});
  command.insert(command.begin(), {"sh", "-c", "exec \"$0\" \"$@\" >/dev/full"});
  EXPECT_EQ(run(command).ending, 74);
}

class LoadFault : public Injection {
 protected:
  Finished with(const std::string& call, const std::string& how) {
    auto command = load_on(server_, {"--connections", "20", "--concurrency", "1", "--json"});
    const auto wrapper = failing(call, how);
    command.insert(command.begin(), wrapper.begin(), wrapper.end());
    return run(command, no_search_for_leaks());
  }
  ServerProcess server_;
};

TEST_F(LoadFault, OfPortsThatRunOutIsItsOwnKind) {
  const auto result = with("connect", "error=EADDRNOTAVAIL:when=3..5");
  EXPECT_EQ(injected(), 3U);
  EXPECT_EQ(result.ending, 71);
  EXPECT_EQ(Json(result.output).values("errors_by_kind.no_port connections errors"), "3 20 3");
  EXPECT_TRUE(contains(result.errors, "connection 3: no free port"));
}

TEST_F(LoadFault, OfSocketsIsItsOwnKind) {
  const auto result = with("socket", "error=EMFILE:when=4");
  EXPECT_EQ(injected(), 1U);
  EXPECT_EQ(result.ending, 71);
  EXPECT_EQ(Json(result.output).values("errors_by_kind.no_descriptor connections"), "1 20");
}

TEST_F(LoadFault, ThatNobodyThoughtOfIsSaidWithItsText) {
  const auto result = with("recvfrom", "error=ENOBUFS:when=2");
  EXPECT_EQ(result.ending, 74);
  EXPECT_EQ(Json(result.output).values("errors_by_kind.other"), "1");
  EXPECT_TRUE(contains(result.errors, "connection 2: the connection broke: No buffer space available"));
}

TEST_F(LoadFault, ThatIsNoneGoesOn) {
  const auto result = with("recvfrom,sendto", "error=EINTR:when=2..4");
  EXPECT_EQ(injected(), 6U);
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(Json(result.output).values("errors bytes_received"), "0 640");
}

}  // namespace
