#include "harness/figure.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text_file.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

// How long the kernel keeps data that a client does not take (TCP_USER_TIMEOUT, tcp(7)).
namespace {

using namespace harness;

constexpr int seconds = 1000;  // in milliseconds

int user_timeout_of(ServerProcess& server) {
  int value = -1;
  for (const int fd : copies_of_listeners(server.pid())) {
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
    ::close(fd);
  }
  return value;
}

TEST(UserTimeout, IsTheIdleTimeoutAndAtLeastTenSeconds) {
  const std::pair<std::vector<std::string>, int> cases[] = {{{}, 300 * seconds},
                                                            {{"--idle-timeout", "20s"}, 20 * seconds},
                                                            {{"--idle-timeout", "1s"}, 10 * seconds},
                                                            {{"--idle-timeout", "0"}, 0}};
  for (const auto& [options, expected] : cases) {
    ServerProcess server(options);
    EXPECT_EQ(user_timeout_of(server), expected);
  }
}

TEST(UserTimeout, FollowsTheIdleTimeoutOfAReload) {
  const TextFile config("idle-timeout = 20s\n");
  ServerProcess server({"--config", config.path()});
  config.write("idle-timeout = 30s\n");
  server.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return user_timeout_of(server) == 30 * seconds; }));
}

// Connections of this local port that the kernel keeps after both sides have closed: in LAST_ACK
// (tcp_states.h).
std::size_t orphans_of(std::uint16_t port) {
  constexpr const char* last_ack = "09";
  std::ifstream table("/proc/net/tcp");
  std::size_t count = 0;
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string number;
    std::string local;
    std::string remote;
    std::string state;
    words >> number >> local >> remote >> state;
    const auto colon = local.find(':');
    if (colon == std::string::npos || state != last_ack) continue;
    if (std::stoul(local.substr(colon + 1), nullptr, 16) == port) ++count;
  }
  return count;
}

// The client's system answers probes for as long as the client lives, but takes no data.
TEST(UserTimeout, FreesTheDataOfAClientThatNeverReads) {
  ServerProcess server({"--idle-timeout", "10s"});
  ClientSocket client(server.port());
  const int size = 32 * 1024;  // so that most of the data is in the server's system
  ASSERT_EQ(::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
  ASSERT_TRUE(client.send(std::string(1'500'000, 'x')));
  client.half_close();
  ASSERT_TRUE(eventually([&] { return figure_before(server.status(), " client closed") == 1; }))
      << server.last_line();
  EXPECT_EQ(orphans_of(server.port()), 1U);
  EXPECT_TRUE(eventually([&] { return orphans_of(server.port()) == 0; }));
}

}  // namespace
