#include "tcpserver/server/admit/host_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;
using tcpserver::base::SocketAddress;

Host host(const std::string& address) {
  const auto parsed = SocketAddress::parse(address, 1);
  EXPECT_TRUE(parsed) << address;
  return Host::of(*parsed);
}

// As a dual-stack listener would report it; SocketAddress::parse takes no such text.
Host mapped_host(unsigned char last) {
  SocketAddress address = SocketAddress::any(AF_INET6, 1);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(address.storage());
  const unsigned char bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, last};
  std::copy(std::begin(bytes), std::end(bytes), v6->sin6_addr.s6_addr);
  return Host::of(address);
}

TEST(Host, IsAnIpv4Address) {
  EXPECT_EQ(host("192.0.2.1"), host("192.0.2.1"));
  EXPECT_FALSE(host("192.0.2.1") == host("192.0.2.2"));
}

TEST(Host, IsAnIpv6NetworkOf64Bits) {
  EXPECT_EQ(host("2001:db8:1:2::1"), host("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  EXPECT_FALSE(host("2001:db8:1:2::1") == host("2001:db8:1:3::1"));
}

TEST(Host, OfALinkLocalAddressHasItsInterface) {
  EXPECT_EQ(host("fe80::1%1"), host("fe80::2%1"));
  EXPECT_FALSE(host("fe80::1%1") == host("fe80::1%2"));
}

TEST(Host, OfAMappedAddressIsTheIpv4One) {
  EXPECT_EQ(mapped_host(1), host("192.0.2.1"));
  EXPECT_FALSE(mapped_host(1) == mapped_host(2));
  EXPECT_FALSE(host("0.0.0.0") == host("::1"));
}

TEST(HostTable, CountsWhoIsThere) {
  HostTable table(3);
  EXPECT_EQ(table.sessions_of(host("192.0.2.1")), 0U);
  const auto first = table.enter(host("192.0.2.1"));
  EXPECT_EQ(table.enter(host("192.0.2.1")), first);
  const auto other = table.enter(host("2001:db8::1"));
  EXPECT_NE(other, first);
  EXPECT_EQ(table.sessions_of(host("192.0.2.1")), 2U);
  EXPECT_EQ(table.sessions_of(host("2001:db8::2")), 1U);
  table.leave(first);
  EXPECT_EQ(table.sessions_of(host("192.0.2.1")), 1U);
  table.leave(first);
  table.leave(other);
  EXPECT_EQ(table.sessions_of(host("192.0.2.1")), 0U);
  EXPECT_EQ(table.sessions_of(host("2001:db8::1")), 0U);
}

// Against a plain book: hosts come and go, and the table grows in the middle of it.
TEST(HostTable, AgreesWithAPlainBookOverManySessions) {
  constexpr std::uint32_t most = 300;
  HostTable table(most);
  std::uint32_t capacity = most;
  std::mt19937 random(7);
  std::map<int, std::uint32_t> book;
  std::vector<std::pair<int, HostTable::Entry>> open;
  const auto host_number = [](int number) {
    return host("10.0." + std::to_string(number / 256) + "." + std::to_string(number % 256));
  };
  for (int step = 0; step < 30'000; ++step) {
    if (step == 10'000 || step == 20'000) {
      capacity *= 2;
      table.reserve(capacity);
      table.reserve(1);  // less than there is: nothing
    }
    const bool comes = open.empty() || (open.size() < capacity && random() % 2 == 0);
    if (comes) {
      const int number = static_cast<int>(random() % 500);
      ASSERT_EQ(table.sessions_of(host_number(number)), book[number]);
      open.emplace_back(number, table.enter(host_number(number)));
      ++book[number];
    } else {
      const auto at = open.begin() + static_cast<std::ptrdiff_t>(random() % open.size());
      table.leave(at->second);
      --book[at->first];
      open.erase(at);
    }
  }
  for (const auto& [number, sessions] : book) ASSERT_EQ(table.sessions_of(host_number(number)), sessions);
  while (!open.empty()) {
    table.leave(open.back().second);
    open.pop_back();
  }
  for (const auto& [number, sessions] : book) ASSERT_EQ(table.sessions_of(host_number(number)), 0U);
}

}  // namespace
