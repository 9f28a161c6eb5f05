#include "harness/server_process.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sstream>

// How long the kernel keeps data that a client does not take (TCP_USER_TIMEOUT, tcp(7)).
namespace {

using namespace harness;

constexpr int seconds = 1000;  // in milliseconds

int read_user_timeout(ServerProcess& server) {
  int value = -1;
  for (const int fd : copy_listeners(server.pid())) {
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
    EXPECT_EQ(read_user_timeout(server), expected);
  }
}

TEST(UserTimeout, FollowsTheIdleTimeoutOfAReload) {
  const TextFile config("idle-timeout = 20s\n");
  ServerProcess server({"--config", config.path()});
  EXPECT_TRUE(server.reload(config, "idle-timeout = 30s\n", "idle-timeout 20s -> 30s"));
  EXPECT_TRUE(eventually([&] { return read_user_timeout(server) == 30 * seconds; }));
}

// The number of connections of this local port in LAST_ACK (tcp_states.h): the kernel keeps them after both
// sides have closed.
std::size_t count_orphans(std::uint16_t port) {
  constexpr const char* last_ack = "09";
  std::size_t count = 0;
  for (const auto& line : split_lines(read_text("/proc/net/tcp"))) {
    std::istringstream words(line);
    std::string number, local, remote, state;
    words >> number >> local >> remote >> state;
    if (state != last_ack) continue;
    if (std::stoul(local.substr(local.find(':') + 1), nullptr, 16) == port) ++count;
  }
  return count;
}

// The client's system answers probes for as long as the client lives, but takes no data.
TEST(UserTimeout, FreesDataOfAClientThatNeverReads) {
  ServerProcess server({"--idle-timeout", "10s"});
  ClientSocket client(server.port());
  client.set_receive_buffer(32 * 1024);  // so that most of the data is in the server's system
  ASSERT_TRUE(client.send(std::string(1'500'000, 'x')));
  client.half_close();
  ASSERT_TRUE(server.status_shows("ended: 1 closed by client"));
  EXPECT_EQ(count_orphans(server.port()), 1U);
  EXPECT_TRUE(eventually([&] { return count_orphans(server.port()) == 0; }));
}

}  // namespace
