#include "harness/server_process.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <thread>

// The server returns all bytes in order, regardless of how they are sent and read.
namespace {

using namespace harness;

class EchoOfSize : public ::testing::TestWithParam<std::size_t> {};

TEST_P(EchoOfSize, IsCompleteAfterHalfClose) {
  ServerProcess server;
  const auto bytes = varied_bytes(GetParam());
  for (const int family : {AF_INET, AF_INET6}) {
    ClientSocket client(server.port(), family);
    if (family == AF_INET6 && !client.connected()) continue;  // no IPv6 on this machine
    EXPECT_TRUE(echo_through(client, bytes) == bytes);        // no EXPECT_EQ: it would print 64 MiB
  }
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(server.logged_nothing_unusual());
}

constexpr std::size_t buffer = 256 * 1024;  // size of the session's buffer
INSTANTIATE_TEST_SUITE_P(Sizes, EchoOfSize,
                         ::testing::Values(0, 1, 2, 4095, 4096, 4097, buffer - 1, buffer, buffer + 1, 1 << 20,
                                           64 << 20),
                         [](const auto& parameter) { return std::to_string(parameter.param) + "_bytes"; });

TEST(Echo, CountsBytesAndSessions) {
  ServerProcess server;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(serves(server));
  EXPECT_EQ(server.stop(), 0);
  for (const char* fact : {"stopped: 3 accepted; sessions ended: 3 closed by client;",
                           "; 18 bytes in, 18 out;", "; children reaped: 3, "}) {
    EXPECT_TRUE(contains(server.last_line(), fact));
  }
}

TEST(Upper, AnswersInCapitals) {
  ServerProcess server({"--service", "upper"});
  ClientSocket client(server.port());
  EXPECT_EQ(echo_through(client, "a z`{\xe4Z"), "A Z`{\xe4Z");
}

class BytesInMode : public ::testing::TestWithParam<const char*> {
 protected:
  ServerProcess server{std::vector<std::string>{"--mode", GetParam(), "--idle-timeout", "2s"}};
  ClientSocket client{server.port()};
};
INSTANTIATE_TEST_SUITE_P(Modes, BytesInMode, ::testing::Values("fork", "iterative"),
                         [](const auto& parameter) { return std::string(parameter.param); });

// By default, an urgent byte (MSG_OOB) is not part of the stream and would not be read (SO_OOBINLINE).
TEST_P(BytesInMode, ReturnUrgentBytesInOrder) {
  for (const char* part : {"ab", "!c", "de", "!f"}) {
    const bool urgent = *part == '!';
    const std::string bytes = urgent ? part + 1 : part;
    ASSERT_EQ(::send(client.fd(), bytes.data(), bytes.size(), urgent ? MSG_OOB : 0),
              static_cast<ssize_t>(bytes.size()));
  }
  client.half_close();
  EXPECT_EQ(client.receive_all(), "abcdef");
}

TEST_P(BytesInMode, ReturnInOrderIfSentOneByOne) {
  constexpr int on = 1;
  ::setsockopt(client.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto bytes = varied_bytes(20'000);
  std::jthread sender([&] {
    for (const char& byte : bytes) client.send({&byte, 1});
    client.half_close();
  });
  EXPECT_TRUE(client.receive_all() == bytes);
}

TEST_P(BytesInMode, ReturnThroughATinyWindow) {
  client.set_receive_buffer(1);  // the kernel uses its minimum, about 2 KiB
  const auto bytes = varied_bytes(30'000);
  EXPECT_TRUE(echo_through(client, bytes) == bytes);
}

TEST_P(BytesInMode, ReturnToASlowWriterBeyondTheIdleTimeout) {
  for (int i = 0; i < 12; ++i) {  // 2.4 s in total
    ASSERT_TRUE(echoes(client, "tick"));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  EXPECT_EQ(echo_through(client, "tock"), "tock");
}

// When the kernel's buffers are full, the server stops reading from the client. It needs no more memory and
// serves the other clients.
TEST(BackPressure, HoldsAClientThatNeverReads) {
  ServerProcess server;
  ClientSocket greedy(server.port());
  EXPECT_LT(fill_until_stalled(greedy), 64U);
  if (!TCPSERVER_TEST_SANITIZED) {
    EXPECT_LT(std::stoul(read_proc_status(find_child(server), "VmRSS")), 2048U) << "KiB";
  }
  EXPECT_TRUE(serves(server));
}

}  // namespace
