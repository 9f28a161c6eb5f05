#include "tcpserver/kernel/listen_counters.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::kernel;

constexpr const char* netstat =
    "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPPrequeued\n"
    "TcpExt: 1 17 18446744073709551615 4\n"
    "IpExt: InNoRoutes\n"
    "IpExt: 0\n";

TEST(Netstat, IsReadByName) {
  const auto counters = parse_netstat(netstat);
  ASSERT_TRUE(counters.has_value());
  EXPECT_EQ(counters->overflows, 17U);
  EXPECT_EQ(counters->drops, UINT64_MAX);
  EXPECT_EQ(parse_netstat("IpExt: A\nIpExt: 1\nTcpExt: ListenDrops ListenOverflows\nTcpExt: 1 2")->overflows,
            2U);
}

TEST(Netstat, TakesNothingFromWhatIsNone) {
  for (const char* text :
       {"", "\n", "TcpExt:", "TcpExt:\nTcpExt:\n", "TcpExt: ListenOverflows ListenDrops\n",
        "TcpExt: ListenOverflows\nTcpExt: 1\n", "TcpExt: ListenOverflows ListenDrops\nTcpExt: 1\n",
        "TcpExt: ListenOverflows ListenDrops\nTcpExt: 1 x\n",
        "TcpExt: ListenOverflows ListenDrops\nTcpExt: -1 1\n",
        "TcpExt: ListenOverflows ListenDrops\nIpExt: 1 1\n",
        "TcpExt: ListenOverflows ListenDrops\nTcpExt: 18446744073709551616 1\n"}) {
    EXPECT_FALSE(parse_netstat(text).has_value()) << text;
  }
}

}  // namespace
