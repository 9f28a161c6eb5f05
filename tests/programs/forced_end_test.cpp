#include "tcpserver/base/unique_fd.hpp"

#include "harness/server_process.hpp"

#include <cerrno>
#include <memory>
#include <thread>

// A complete reply ends with FIN. A truncated reply ends with a reset.
namespace {

using namespace harness;
using namespace std::chrono_literals;
using tcpserver::base::SocketAddress;

// How a connection is served.
struct Way {
  const char* name;
  std::vector<std::string> options;
  std::vector<std::string> wrapper;
  bool resets;  // whether cut-off replies are reset
};

void PrintTo(const Way& way, std::ostream* stream) {
  *stream << way.name;
}

const bool plain_always = TCPSERVER_TEST_SMALL_CHILDREN == 0;

const std::vector<Way> ways{
    {"Small", {}, {}, plain_always},
    {"SmallUnderFilter", {}, {UNDER_FILTER_PROGRAM}, plain_always},
    {"SmallWithoutSandbox", {"--sandbox", "off"}, {}, plain_always},
    {"Plain", {}, {UNDER_FILTER_PROGRAM, "--deny-stack"}, true},
    {"PlainWithoutSandbox", {"--sandbox", "off"}, {UNDER_FILTER_PROGRAM, "--deny-stack"}, true},
    {"Iterative", {"--mode", "iterative"}, {}, true},
};

class EndOfSession : public ::testing::TestWithParam<Way> {
 protected:
  void start(const std::vector<std::string>& more) {
    auto options = GetParam().options;
    options.insert(options.end(), more.begin(), more.end());
    // The leak check needs a clone that some wrappers deny.
    server = std::make_unique<ServerProcess>(
        options, SpawnOptions{.environment = {"ASAN_OPTIONS=detect_leaks=0"}}, GetParam().wrapper);
  }

  // Connects a client with a small receive buffer.
  void connect() {
    client = std::make_unique<ClientSocket>(server->port());
    client->set_receive_buffer(32 * 1024);
  }

  std::unique_ptr<ServerProcess> server;
  std::unique_ptr<ClientSocket> client;
};
INSTANTIATE_TEST_SUITE_P(Ways, EndOfSession, ::testing::ValuesIn(ways),
                         [](const auto& test) { return test.param.name; });

// The session ends long before the client has read the whole reply. A normal close must not discard it.
TEST_P(EndOfSession, DeliversCompleteReply) {
  start({});
  connect();
  const auto sent = varied_bytes(4'000'000);
  std::jthread sending([&] {
    client->send(sent);
    client->half_close();
  });
  std::string received;
  constexpr std::size_t piece = 16UL * 1024;
  while (!contains(server->status(), "ended: 1 closed by client") && received.size() < sent.size())
    received += client->receive(piece);
  const auto received_before = received.size();
  received += client->receive_all();
  EXPECT_TRUE(received == sent) << received_before << " and then " << received.size() << " bytes came back";
  EXPECT_LT(received_before + piece, sent.size()) << "nothing was left to lose";
  EXPECT_EQ(server->stop(), 0);
}

// The child is killed when it has written the whole reply.
TEST_P(EndOfSession, DeliversCompleteReplyAfterAKill) {
  start({"--drain-timeout", "0"});
  connect();
  const auto sent = varied_bytes(1'500'000);
  ASSERT_TRUE(client->send(sent));
  ASSERT_TRUE(server->status_shows(std::to_string(sent.size()) + " out"));
  EXPECT_EQ(server->stop(), 0);
  EXPECT_EQ(client->receive_all().size(), sent.size());
}

// The child has written the whole reply, but the client has room for a part only.
TEST_P(EndOfSession, LogsWhatTheClientAcknowledged) {
  start({"-v", "--drain-timeout", "0"});
  connect();
  const auto sent = varied_bytes(1'500'000);
  ASSERT_TRUE(client->send(sent));
  ASSERT_TRUE(server->status_shows(std::to_string(sent.size()) + " out"));
  EXPECT_EQ(server->stop(), 0);
  const auto& log = server->log();
  EXPECT_TRUE(contains(log, " bytes_out=1500000 "));
  const std::string key = " bytes_acked=";
  ASSERT_TRUE(contains(log, key)) << log;
  const auto acknowledged = std::stoull(log.substr(log.find(key) + key.size()));
  EXPECT_GT(acknowledged, 0U) << log;
  EXPECT_LT(acknowledged, sent.size()) << log;
}

// Two clients with the same address and port are connected to different addresses of the server.
TEST(ForcedEnd, LogsAcknowledgedBytesByBothAddresses) {
  ServerProcess server({"-v", "--drain-timeout", "0"});
  auto own = SocketAddress::parse("127.0.0.1", 0).value();
  std::vector<tcpserver::base::UniqueFd> clients;
  for (const char* address : {"127.0.0.1", "127.0.0.2"}) {
    const int fd = clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)).get();
    const int on = 1;
    ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    ASSERT_EQ(::bind(fd, own.get(), own.size()), 0);
    socklen_t size = SocketAddress::storage_size;
    ASSERT_EQ(::getsockname(fd, own.storage(), &size), 0);
    const auto remote = SocketAddress::parse(address, server.port()).value();
    ASSERT_EQ(::connect(fd, remote.get(), remote.size()), 0);
    const std::string bytes(clients.size(), 'x');
    ASSERT_EQ(::write(fd, bytes.data(), bytes.size()), std::ssize(bytes));
  }
  ASSERT_TRUE(server.status_shows("3 bytes in, 3 out"));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(occurrences(server.log(), " bytes_acked="), 2U) << server.log();
  EXPECT_TRUE(contains(server.log(), " bytes_acked=1\n"));
  EXPECT_TRUE(contains(server.log(), " bytes_acked=2\n"));
}

// Sends the next piece when the server has echoed the last one, until the client's buffers are full and the
// idle timeout expires.
TEST_P(EndOfSession, ResetsIfTheIdleTimeoutTruncatesTheReply) {
  const std::string piece(32UL * 1024, 'x');  // one segment on loopback
  for (auto idle_timeout = 500ms; idle_timeout <= 16s; idle_timeout *= 2) {
    start({"--idle-timeout", std::to_string(idle_timeout.count()) + "ms"});
    connect();
    std::size_t sent = 0;
    std::size_t in = 0;
    std::size_t out = 0;
    ASSERT_TRUE(eventually([&] {
      if (out == sent && client->send(piece)) sent += piece.size();
      const auto status = server->status();
      in = number_before(status, " bytes in");
      out = number_before(status, " out");
      return number_before(status, " idle timeout") == 1;
    }));
    if (out == in) continue;  // on a slow machine the session was idle before the buffers were full
    errno = 0;
    const auto received = client->receive_all().size();
    EXPECT_EQ(errno, GetParam().resets ? ECONNRESET : 0);
    EXPECT_LE(received, out);
    EXPECT_TRUE(GetParam().resets || received == out);
    return;
  }
  FAIL() << "no session was cut off with a part of the reply in its buffer";
}

// An idle client with a complete reply gets FIN.
TEST_P(EndOfSession, ClosesNormallyAfterACompleteReply) {
  start({"--idle-timeout", "300ms"});
  connect();
  ASSERT_TRUE(client->send("x"));
  EXPECT_EQ(client->receive_all(), "x");
  EXPECT_FALSE(client->is_reset());
}

}  // namespace
