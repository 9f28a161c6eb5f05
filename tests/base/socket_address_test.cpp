#include "tcpserver/base/socket_address.hpp"

#include "harness/text.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>

namespace {

using tcpserver::base::SocketAddress;

TEST(SocketAddress, ParsesAndFormatsNumericText) {
  EXPECT_EQ(SocketAddress::parse("127.0.0.1", 80)->text(), "127.0.0.1:80");
  EXPECT_EQ(SocketAddress::parse("::1", 80)->text(), "[::1]:80");
  EXPECT_EQ(SocketAddress::parse("2001:DB8:0:0::1", 65535)->text(), "[2001:db8::1]:65535");
  EXPECT_EQ(SocketAddress::parse("0.0.0.0", 0)->host_text(), "0.0.0.0");
}

TEST(SocketAddress, RefusesOtherText) {
  for (const char* text : {"", "localhost", "[::1]", "127.0.0.1:80", "127.1", "1.2.3.4.5", "256.0.0.1",
                           " 127.0.0.1", "::1 ", "::g", "127.0.0.1%lo", "::1%", "::1%no_such_interface",
                           "::1%0", "::1%-1", "::ffff:127.0.0.1", "0x7f.0.0.1"}) {
    EXPECT_FALSE(SocketAddress::parse(text, 0).has_value()) << text;
  }
  EXPECT_FALSE(SocketAddress::parse(std::string_view("127.0.0.1\0x", 11), 0).has_value());
}

TEST(SocketAddress, AcceptsScopesByNameAndNumber) {
  const auto by_number = SocketAddress::parse("fe80::1%1", 9);
  ASSERT_TRUE(by_number.has_value());
  char name[IF_NAMESIZE];
  ASSERT_NE(if_indextoname(1, name), nullptr);
  const auto by_name = SocketAddress::parse(std::string("fe80::1%") + name, 9);
  ASSERT_TRUE(by_name.has_value());
  EXPECT_EQ(*by_number, *by_name);
  EXPECT_EQ(by_name->text(), std::string("[fe80::1%") + name + "]:9");
}

TEST(SocketAddress, ExplainsAnInterfaceThatCannotBeUsed) {
  const auto why = [](const char* text) {
    EXPECT_FALSE(SocketAddress::parse(text, 1).has_value()) << text;
    return SocketAddress::find_zone_error(text).value_or("");
  };
  EXPECT_TRUE(harness::contains(why("fe80::1%nosuch"), "no such interface 'nosuch'"));
  EXPECT_TRUE(harness::contains(why("fe80::1%4294967295"), "no such interface"));
  EXPECT_TRUE(harness::contains(why("fe80::1%0"), "no such interface"));
  EXPECT_TRUE(harness::contains(why("fe80::1%"), "missing"));
  EXPECT_TRUE(harness::contains(why("127.0.0.1%lo"), "IPv4"));
  EXPECT_TRUE(harness::contains(why("::1%1"), "link-local"));
  EXPECT_EQ(why("localhost%lo"), "");
  EXPECT_EQ(SocketAddress::find_zone_error("fe80::1%1"), std::nullopt);
  EXPECT_EQ(SocketAddress::find_zone_error("fe80::1"), std::nullopt);
}

// Gives the loopback interface, which has index 1 in every network namespace, another name.
bool rename_loopback(const std::string& from, const std::string& to) {
  ifreq request{};
  std::strncpy(request.ifr_name, from.c_str(), IFNAMSIZ - 1);
  std::strncpy(request.ifr_newname, to.c_str(), IFNAMSIZ - 1);
  const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool renamed = ::ioctl(fd, SIOCSIFNAME, &request) == 0;
  ::close(fd);
  return renamed;
}

TEST(SocketAddress, ShowsTheInterfaceIndexForUnsafeNames) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a network namespace";
  bool has_namespace = false;
  // A network namespace belongs to a thread, and ends with it.
  std::thread([&] {
    has_namespace = ::unshare(CLONE_NEWNET) == 0;
    std::string present = "lo";
    const auto expect_shown = [&present](const std::string& name, const std::string& shown) {
      ASSERT_TRUE(rename_loopback(present, name)) << shown;
      present = name;
      const auto address = *SocketAddress::parse("fe80::1%1", 9);
      EXPECT_EQ(address.text(), "[fe80::1%" + shown + "]:9");
      EXPECT_EQ(SocketAddress::parse(address.host_text(), 9), address);
    };
    if (!has_namespace) return;
    for (const char* plain : {"Br-7_a.100", "6in4", "veth+x@y"}) expect_shown(plain, plain);
    for (const char* name : {"e\033\xff", "e\x7f", "\xc3\xa9th0", "quo\"te", "back\\slash", "a}b", "12"}) {
      expect_shown(name, "1");
    }
  }).join();
  if (!has_namespace) GTEST_SKIP() << "no network namespace can be made here";
}

TEST(SocketAddress, ComparesAddressPortAndScope) {
  EXPECT_EQ(SocketAddress::parse("::1", 5), SocketAddress::parse("0::1", 5));
  EXPECT_FALSE(SocketAddress::parse("::1", 5) == SocketAddress::parse("::1", 6));
  EXPECT_FALSE(SocketAddress::parse("::", 5) == SocketAddress::parse("0.0.0.0", 5));
  EXPECT_FALSE(SocketAddress::parse("fe80::1%1", 5) == SocketAddress::parse("fe80::1%2", 5));
}

TEST(SocketAddress, RecognizesWildcards) {
  EXPECT_TRUE(SocketAddress::any(AF_INET6, 7).is_wildcard());
  EXPECT_TRUE(SocketAddress::any(AF_INET, 7).is_wildcard());
  EXPECT_FALSE(SocketAddress::parse("::1", 7)->is_wildcard());
  EXPECT_EQ(SocketAddress::any(AF_INET6, 7).port(), 7);
}

TEST(SocketAddress, FormatsTheLongestAddress) {
  const auto plain = SocketAddress::parse("1111:2222:3333:4444:5555:6666:255.255.255.255", 0).value();
  const auto address = SocketAddress::from_bytes(AF_INET6, plain.bytes().data(), 65535, UINT32_MAX);
  ASSERT_TRUE(address.has_value());
  char buffer[SocketAddress::text_size];
  EXPECT_STREQ(address->format(buffer), "[1111:2222:3333:4444:5555:6666:ffff:ffff%4294967295]:65535");
}

TEST(SocketAddress, UnmapsIpv4MappedAddresses) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(80);
  ASSERT_EQ(inet_pton(AF_INET6, "::ffff:192.0.2.7", &six.sin6_addr), 1);
  EXPECT_EQ(SocketAddress::from(reinterpret_cast<const sockaddr*>(&six))->unmapped().text(), "192.0.2.7:80");
  for (const char* text : {"::1", "::", "::fffe:102:304", "127.0.0.1"}) {
    const auto address = *SocketAddress::parse(text, 1);
    EXPECT_EQ(address.unmapped(), address) << text;
  }
}

}  // namespace
