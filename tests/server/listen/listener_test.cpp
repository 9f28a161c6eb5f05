#include "tcpserver/server/listen/listener.hpp"

#include "tcpserver/server/session/session.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;
using namespace std::chrono_literals;

template <typename Value>
Value option(int fd, int level, int name) {
  Value value{};
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

// No setsockopt per connection: this is what that rests on.
TEST(Listener, ConnectionsInheritWhatIsSetOnce) {
  const auto listening = open_listeners(
      {.addresses = {*SocketAddress::parse("127.0.0.1", 0)}, .port = 0, .backlog = 5, .idle_timeout = 8s});
  ASSERT_EQ(listening.listeners.size(), 1U);
  const auto& listener = listening.listeners[0];
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), listener.address.get(), listener.address.size()), 0);
  const UniqueFd accepted(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(accepted);
  EXPECT_NE(option<int>(accepted.get(), IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_NE(option<int>(accepted.get(), SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(option<timeval>(accepted.get(), SOL_SOCKET, SO_RCVTIMEO).tv_sec, 8);
  EXPECT_EQ(option<timeval>(accepted.get(), SOL_SOCKET, SO_SNDTIMEO).tv_sec,
            8 / write_waits_per_idle_timeout);
}

TEST(Listener, AllAddressesHaveTheSameFreePort) {
  const auto listening = open_listeners(
      {.addresses = {*SocketAddress::parse("127.0.0.1", 0), *SocketAddress::parse("127.0.0.2", 0),
                     *SocketAddress::parse("127.0.0.3", 0)},
       .port = 0,
       .backlog = 1,
       .idle_timeout = 0s});
  ASSERT_EQ(listening.listeners.size(), 3U);
  for (const auto& listener : listening.listeners) {
    EXPECT_EQ(listener.address.port(), listening.listeners[0].address.port());
    EXPECT_NE(listener.address.port(), 0);
  }
}

}  // namespace
