#include "server/listen/listener.hpp"

#include "tcpserver/server/session/session.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

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

std::vector<Listener> listen_on(std::initializer_list<const char*> addresses) {
  ServerOptions options;
  options.port = 0;
  options.idle_timeout = 8s;
  for (const auto* address : addresses) options.bind.push_back(*SocketAddress::parse(address, 0));
  Log log;
  return open_listeners(options, log);
}

// The server makes no setsockopt call per connection.
TEST(Listener, ConnectionsInheritSocketOptions) {
  const auto listeners = listen_on({"127.0.0.1"});
  ASSERT_EQ(listeners.size(), 1U);
  const auto& listener = listeners[0];
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
  const auto listeners = listen_on({"127.0.0.1", "127.0.0.2", "127.0.0.3"});
  ASSERT_EQ(listeners.size(), 3U);
  EXPECT_NE(listeners[0].address.port(), 0);
  for (const auto& listener : listeners) EXPECT_EQ(listener.address.port(), listeners[0].address.port());
}

}  // namespace
