#include "tcpserver/server/child/host.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;
using tcpserver::base::SocketAddress;

Host host(const std::string& address) {
  const auto parsed = SocketAddress::parse(address, 1);
  EXPECT_TRUE(parsed) << address;
  return Host::from(*parsed);
}

// An address as a dual-stack listener reports it. SocketAddress::parse does not accept it.
Host mapped_host(unsigned char last) {
  SocketAddress address = SocketAddress::any(AF_INET6, 1);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(address.storage());
  const unsigned char bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, last};
  std::copy(std::begin(bytes), std::end(bytes), v6->sin6_addr.s6_addr);
  return Host::from(address);
}

TEST(Host, IsTheIpv4Address) {
  EXPECT_EQ(host("192.0.2.1"), host("192.0.2.1"));
  EXPECT_FALSE(host("192.0.2.1") == host("192.0.2.2"));
}

TEST(Host, IsTheIpv6NetworkOf64Bits) {
  EXPECT_EQ(host("2001:db8:1:2::1"), host("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  EXPECT_FALSE(host("2001:db8:1:2::1") == host("2001:db8:1:3::1"));
}

TEST(Host, IncludesTheInterfaceOfALinkLocalAddress) {
  EXPECT_EQ(host("fe80::1%1"), host("fe80::2%1"));
  EXPECT_FALSE(host("fe80::1%1") == host("fe80::1%2"));
}

TEST(Host, TreatsAMappedAddressAsIpv4) {
  EXPECT_EQ(mapped_host(1), host("192.0.2.1"));
  EXPECT_FALSE(mapped_host(1) == mapped_host(2));
  EXPECT_FALSE(host("0.0.0.0") == host("::1"));
}

}  // namespace
