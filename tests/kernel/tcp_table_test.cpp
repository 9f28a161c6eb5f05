#include "tcpserver/kernel/process_table.hpp"
#include "tcpserver/kernel/socket_facts.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"

#include "harness/server_process.hpp"

#include <gtest/gtest.h>

#include <bit>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::kernel;

constexpr const char* listening_line =
    "   0: 0100007F:D431 00000000:0000 0A 00000000:00000005 00:00000000 00000000     0        0 12345 1 "
    "0000000000000000 100 0 0 10 0";
constexpr const char* listening_line_6 =
    "   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 "
    "00:00000000 00000000  1000        0 18446744073709551615 1 0000000000000000 100 0 0 10 0";

TEST(KernelTcp, ReadsALine) {
  if (std::endian::native != std::endian::little)
    GTEST_SKIP() << "the sample comes from a little-endian machine";
  const auto entry = parse_tcp_table_line(listening_line);
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->local.text(), "127.0.0.1:54321");
  EXPECT_EQ(entry->state, tcp_state_listen);
  EXPECT_EQ(entry->inode, 12345U);
  const auto six = parse_tcp_table_line(listening_line_6);
  ASSERT_TRUE(six.has_value());
  EXPECT_EQ(six->local.text(), "[::1]:80");
  EXPECT_EQ(six->inode, 18446744073709551615U);
}

TEST(KernelTcp, TakesNothingFromWhatIsNoLine) {
  for (const char* text :
       {"", " ", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt",
        "0: 0100007F:D431", "0: 0100007F 00000000:0000 0A x x 0 0 0 1",
        "0: 0100007:D431 00000000:0000 0A x x 0 0 0 1", "0: 0100007G:D431 0 0A x x 0 0 0 1",
        "0: 0100007F:1D431 0 0A x x 0 0 0 1", "0: 0100007F:D431 0 0A x x 0 0 0 -1"}) {
    EXPECT_FALSE(parse_tcp_table_line(text).has_value()) << text;
  }
  // Cut anywhere before the inode, the sample is no line either.
  const std::string whole = listening_line;
  const auto inode = whole.find("12345");
  for (std::size_t size = 0; size < inode; ++size) EXPECT_FALSE(parse_tcp_table_line(whole.substr(0, size)));
}

TEST(KernelTcp, FindsTheProcessThatListens) {
  harness::ServerProcess server({"--bind", "127.0.0.1"});
  const auto entries = sockets_of_port(server.port());
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].local.host_text(), "127.0.0.1");
  const auto owner = find_socket_owner(entries[0].inode);
  ASSERT_TRUE(owner.has_value());
  EXPECT_EQ(owner->pid, server.pid());
  EXPECT_EQ(owner->name, "tcpserver");
  EXPECT_EQ(server.stop(), 0);
  EXPECT_FALSE(find_socket_owner(0).has_value());
}

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
