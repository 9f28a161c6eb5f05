#include "tcpserver/kernel/socket_facts.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace tcpserver::kernel;
using tcpserver::base::SocketAddress;

Ipv6AddressState find(const std::string& table, std::uint32_t interface = 0) {
  const auto plain = SocketAddress::parse("fe80::a:1", 0).value();
  return find_ipv6_address(table, *SocketAddress::from_bytes(AF_INET6, plain.bytes().data(), 0, interface));
}

TEST(Ipv6Address, HasTheStateOfItsFlags) {
  const auto line = [](const std::string& index, const std::string& flags) {
    return "fe8000000000000000000000000a0001 " + index + " 40 20 " + flags + "     eth0\n";
  };
  const std::string other = "00000000000000000000000000000001 01 80 10 80       lo\n";
  EXPECT_EQ(find(other + line("02", "80")), Ipv6AddressState::usable);
  EXPECT_EQ(find(other + line("02", "c0")), Ipv6AddressState::tentative);
  EXPECT_EQ(find(other + line("02", "c8")), Ipv6AddressState::duplicate);
  EXPECT_EQ(find(line("0f", "80") + line("10", "c0"), 16), Ipv6AddressState::tentative);
  EXPECT_EQ(find(line("0f", "80"), 16), Ipv6AddressState::absent) << "it is on another interface";
  EXPECT_EQ(find(other), Ipv6AddressState::absent);
  EXPECT_EQ(find(""), Ipv6AddressState::disabled);
  EXPECT_EQ(find("\n \nfe8000000000000000000000000a0001"), Ipv6AddressState::absent);
}

TEST(Ipv6Address, IsNotLookedUpForIpv4) {
  EXPECT_EQ(find_ipv6_address(SocketAddress::parse("127.0.0.1", 0).value()), Ipv6AddressState::unknown);
}

}  // namespace
