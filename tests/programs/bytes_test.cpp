#include "harness/client_socket.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include <thread>

// What was sent comes back, exactly and in order, however it was sent and however it is read.
namespace {

using namespace harness;

class BytesInMode : public ::testing::TestWithParam<const char*> {
 protected:
  ServerProcess server{std::vector<std::string>{"--mode", GetParam(), "--idle-timeout", "2s"}};
  ClientSocket client{server.port()};
};
INSTANTIATE_TEST_SUITE_P(Modes, BytesInMode, ::testing::Values("fork", "iterative"),
                         [](const auto& parameter) { return std::string(parameter.param); });

// An urgent byte (MSG_OOB) is kept apart from the others by default, and would never be read.
TEST_P(BytesInMode, UrgentOnesComeBackInTheirPlace) {
  for (const char* part : {"ab", "!c", "de", "!f"}) {
    const bool urgent = *part == '!';
    const std::string bytes = urgent ? part + 1 : part;
    ASSERT_EQ(::send(client.fd(), bytes.data(), bytes.size(), urgent ? MSG_OOB : 0),
              static_cast<ssize_t>(bytes.size()));
  }
  client.half_close();
  EXPECT_EQ(client.receive_all(), "abcdef");
}

TEST_P(BytesInMode, OneAtATimeComeBackInOrder) {
  constexpr int on = 1;
  ::setsockopt(client.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto bytes = varied_bytes(20'000);
  std::jthread sender([&] {
    for (const char& byte : bytes) client.send({&byte, 1});
    client.half_close();
  });
  EXPECT_TRUE(client.receive_all() == bytes);
}

TEST_P(BytesInMode, ThroughATinyWindowComeBack) {
  constexpr int tiny = 1;  // the kernel makes it its minimum, some 2 KiB
  ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny);
  const auto bytes = varied_bytes(30'000);
  EXPECT_TRUE(echo_through(client, bytes) == bytes);
}

TEST_P(BytesInMode, FromASlowWriterComeBackThoughItTakesLongerThanTheIdleTimeOut) {
  std::string received;
  for (int i = 0; i < 12; ++i) {  // 2.4 s in all
    ASSERT_TRUE(client.send("tick "));
    received += client.receive(5);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  client.half_close();
  EXPECT_EQ(received + client.receive_all(), "tick tick tick tick tick tick tick tick tick tick tick tick ");
}

// The kernel's buffers fill, and then nothing more is taken from the client. It costs the server no other
// memory, and no other client anything.
TEST(BackPressure, HoldsAClientThatNeverReads) {
  ServerProcess server;
  ClientSocket greedy(server.port());
  EXPECT_LT(fill_until_stalled(greedy), 64U);
  const auto child = children_of(server.pid()).at(0).pid;
  if (!TCPSERVER_TEST_SANITIZED) {
    EXPECT_LT(std::stoul(status_of(child, "VmRSS")), 2048U) << "KiB";
  }
  ClientSocket other(server.port());
  EXPECT_EQ(echo_through(other, "served"), "served");
}

}  // namespace
