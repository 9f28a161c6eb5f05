#include "tcpserver/client/connect_error.hpp"

#include "harness/text.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::client;
using harness::contains;

std::string explain(const char* host, int error) {
  return to_string(explain_connect_error(SocketAddress::parse(host, 7).value(), error));
}

TEST(ConnectError, AsksForTheServerOnlyIfItRefuses) {
  EXPECT_TRUE(contains(explain("127.0.0.1", ECONNREFUSED), "running?"));
  for (const int error : {EINVAL, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EADDRINUSE, EAFNOSUPPORT, EPERM,
                          EACCES, ETIMEDOUT, ECONNRESET, ENOBUFS}) {
    for (const char* host : {"127.0.0.1", "::1", "fe80::1", "255.255.255.255"}) {
      EXPECT_FALSE(contains(explain(host, error), "running?")) << host << error;
    }
  }
}

TEST(ConnectError, NamesTheCause) {
  EXPECT_TRUE(
      contains(explain("fe80::1", EINVAL), "link-local address needs an interface, such as fe80::1%eth0"));
  EXPECT_FALSE(contains(explain("::1", EINVAL), "interface"));
  EXPECT_TRUE(contains(explain("255.255.255.255", ENETUNREACH), "one host"));
  EXPECT_TRUE(contains(explain("224.0.0.1", ENETUNREACH), "one host"));
  EXPECT_TRUE(contains(explain("ff02::1", ENETUNREACH), "one host"));
  EXPECT_TRUE(contains(explain("192.0.2.7", ENETUNREACH), "no route"));
  EXPECT_TRUE(contains(explain("::1", EAFNOSUPPORT), "no IPv6"));
  EXPECT_TRUE(contains(explain("127.0.0.1", EACCES), "policy"));
  EXPECT_TRUE(contains(explain("127.0.0.1", EADDRNOTAVAIL), "no free local port"))
      << "127.0.0.1 can be reached";
}

}  // namespace
