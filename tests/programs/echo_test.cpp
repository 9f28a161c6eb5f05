#include "harness/client_socket.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace harness;

class EchoOfSize : public ::testing::TestWithParam<std::size_t> {};

TEST_P(EchoOfSize, ComesBackByteForByteAfterHalfClose) {
  ServerProcess server;
  const auto bytes = varied_bytes(GetParam());
  for (const int family : {AF_INET, AF_INET6}) {
    ClientSocket client(server.port(), family);
    if (family == AF_INET6 && !client.connected()) continue;  // no IPv6 on this machine
    EXPECT_TRUE(echo_through(client, bytes) == bytes);        // no EXPECT_EQ: it would print 64 MiB
  }
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(server.said_nothing_unusual()) << server.log();
}

constexpr std::size_t buffer = 256 * 1024;  // of the session: its edges are worth a try
INSTANTIATE_TEST_SUITE_P(Sizes, EchoOfSize,
                         ::testing::Values(0, 1, 2, 4095, 4096, 4097, buffer - 1, buffer, buffer + 1, 1 << 20,
                                           64 << 20),
                         [](const auto& parameter) { return std::to_string(parameter.param) + "_bytes"; });

TEST(Echo, CountsBytesAndSessions) {
  ServerProcess server;
  for (int i = 0; i < 3; ++i) {
    ClientSocket client(server.port());
    EXPECT_EQ(echo_through(client, "12345"), "12345");
  }
  EXPECT_EQ(server.stop(), 0);
  const auto line = server.last_line();
  EXPECT_TRUE(
      line.starts_with("stopped: 0 of 1000 sessions open, 3 accepted, 0 refused, ended: 3 client closed;"));
  for (const char* fact : {"; 0 failed forks, 0 accept errors;", "; 15 bytes in, 15 out;",
                           "; children reaped: 3, ", "; 0 drops at full queues"}) {
    EXPECT_TRUE(contains(line, fact)) << fact << "\n" << line;
  }
}

TEST(Upper, AnswersInCapitalsAtAnyLength) {
  ServerProcess server({"--service", "upper"});
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{3 << 20}}) {
    const auto bytes = varied_bytes(size);
    std::string expected = bytes;
    std::transform(expected.begin(), expected.end(), expected.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    ClientSocket client(server.port());
    EXPECT_TRUE(echo_through(client, bytes) == expected) << size;
  }
}

}  // namespace
