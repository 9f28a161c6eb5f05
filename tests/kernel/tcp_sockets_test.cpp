#include "tcpserver/kernel/tcp_sockets.hpp"

#include "tcpserver/kernel/process_table.hpp"
#include "tcpserver/kernel/socket_facts.hpp"

#include "harness/server_process.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <string>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::kernel;

template <typename Thing>
std::string to_bytes(const Thing& thing) {
  return {reinterpret_cast<const char*>(&thing), sizeof thing};
}

std::string attribute(std::uint16_t type, const std::string& payload) {
  rtattr head{};
  head.rta_type = type;
  head.rta_len = static_cast<std::uint16_t>(sizeof head + payload.size());
  return to_bytes(head) + payload + std::string((4 - payload.size() % 4) % 4, '\0');
}

std::string message(const std::string& payload, std::uint16_t type = SOCK_DIAG_BY_FAMILY) {
  nlmsghdr head{};
  head.nlmsg_type = type;
  head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + payload.size());
  return to_bytes(head) + payload;
}

// 192.0.2.7 is connected to port 80 of an IPv6 socket that also accepts IPv4; the layout is the kernel's.
inet_diag_msg connection(std::uint8_t state) {
  inet_diag_msg socket{};
  socket.idiag_family = AF_INET6;
  socket.idiag_state = state;
  socket.id.idiag_sport = htons(80);
  socket.id.idiag_dport = htons(40000);
  const unsigned char local[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  const unsigned char peer[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7};
  std::memcpy(socket.id.idiag_src, local, sizeof local);
  std::memcpy(socket.id.idiag_dst, peer, sizeof peer);
  socket.idiag_rqueue = 8;
  socket.idiag_wqueue = 7;
  socket.idiag_inode = 4711;
  return socket;
}

std::string info(std::uint64_t received, std::uint64_t acknowledged, std::size_t size = sizeof(tcp_info)) {
  tcp_info values{};
  values.tcpi_bytes_received = received;
  values.tcpi_bytes_acked = acknowledged;
  return attribute(INET_DIAG_INFO, to_bytes(values).substr(0, size));
}

std::vector<TcpSocket> read_all(const std::string& datagram) {
  std::vector<TcpSocket> sockets;
  EXPECT_EQ(read_tcp_sockets(datagram, sockets), DiagReply::more);
  return sockets;
}

TEST(TcpSockets, AreParsedFromAReply) {
  const auto sockets =
      read_all(message(to_bytes(connection(1)) + attribute(INET_DIAG_SHUTDOWN, "x") + info(1000, 2000)));
  ASSERT_EQ(sockets.size(), 1U);
  EXPECT_EQ(sockets[0].peer.unmapped().text(), "192.0.2.7:40000");
  EXPECT_EQ(sockets[0].local.unmapped().text(), "127.0.0.1:80");
  EXPECT_EQ(sockets[0].inode, 4711U);
  EXPECT_STREQ(tcp_state_name(sockets[0].state), "ESTABLISHED");
  EXPECT_EQ(sockets[0].receive_queue, 8U);
  EXPECT_EQ(sockets[0].send_queue, 7U);
  EXPECT_EQ(sockets[0].received, 1000U);
  EXPECT_EQ(sockets[0].written, 2007U);
}

// The kernel counts a FIN as a byte, both when received and when sent, and in the queues.
TEST(TcpSockets, DoNotCountFins) {
  struct Case {
    std::uint8_t state;
    const char* name;
    std::uint64_t received;
    std::uint64_t written;
    std::uint32_t receive_queue;
    std::uint32_t send_queue;
  };
  for (const auto& expected :
       {Case{4, "FIN-WAIT-1", 1000, 2006, 8, 6}, Case{5, "FIN-WAIT-2", 1000, 2006, 8, 7},
        Case{8, "CLOSE-WAIT", 999, 2007, 7, 7}, Case{9, "LAST-ACK", 999, 2006, 7, 6},
        Case{11, "CLOSING", 999, 2006, 7, 6}}) {
    const auto sockets = read_all(message(to_bytes(connection(expected.state)) + info(1000, 2000)));
    ASSERT_EQ(sockets.size(), 1U);
    EXPECT_STREQ(tcp_state_name(sockets[0].state), expected.name);
    EXPECT_EQ(sockets[0].received, expected.received) << expected.name;
    EXPECT_EQ(sockets[0].written, expected.written) << expected.name;
    EXPECT_EQ(sockets[0].receive_queue, expected.receive_queue) << expected.name;
    EXPECT_EQ(sockets[0].send_queue, expected.send_queue) << expected.name;
  }
}

TEST(TcpSockets, ShowQueueAndDropsOfListeners) {
  std::uint32_t memory[SK_MEMINFO_VARS] = {};
  memory[SK_MEMINFO_DROPS] = 12;
  const auto listener = to_bytes(connection(tcp_state_listen));
  const auto sockets =
      read_all(message(listener) + message(listener + attribute(INET_DIAG_SKMEMINFO, to_bytes(memory))));
  ASSERT_EQ(sockets.size(), 2U);
  EXPECT_EQ(sockets[0].receive_queue, 8U);
  EXPECT_EQ(sockets[0].send_queue, 7U);
  EXPECT_FALSE(sockets[0].dropped.has_value());
  EXPECT_EQ(sockets[1].dropped, 12U);
}

TEST(TcpSockets, HaveNoByteCountsOnOlderKernels) {
  for (const auto& attributes : {std::string(), info(1, 1, offsetof(tcp_info, tcpi_bytes_acked))}) {
    const auto sockets = read_all(message(to_bytes(connection(1)) + attributes));
    ASSERT_EQ(sockets.size(), 1U);
    EXPECT_FALSE(sockets[0].received.has_value());
    EXPECT_FALSE(sockets[0].written.has_value());
  }
}

TEST(TcpSockets, RejectTruncatedReplies) {
  // A reply that ends within an attribute is still valid, so this one has no attributes.
  const auto whole = message(to_bytes(connection(1)));
  for (std::size_t size = 1; size < whole.size(); ++size) {
    std::vector<TcpSocket> sockets;
    EXPECT_EQ(read_tcp_sockets(whole.substr(0, size), sockets), DiagReply::failed) << size;
    EXPECT_TRUE(sockets.empty());
  }
  std::vector<TcpSocket> sockets;
  EXPECT_EQ(read_tcp_sockets(message("", NLMSG_DONE), sockets), DiagReply::done);
  EXPECT_EQ(read_tcp_sockets(message(to_bytes(0), NLMSG_DONE), sockets), DiagReply::done);
  EXPECT_EQ(read_tcp_sockets(message(to_bytes(-2), NLMSG_DONE), sockets), DiagReply::failed)
      << "no such dump";
  EXPECT_EQ(read_tcp_sockets(message(std::string(4, '\0'), NLMSG_ERROR), sockets), DiagReply::failed);
}

constexpr const char* listening_line =
    "   0: 0100007F:D431 00000000:0000 0A 00000000:00000005 00:00000000 00000000     0        0 12345 1 "
    "0000000000000000 100 0 0 10 0";
constexpr const char* listening_line_6 =
    "   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 "
    "00:00000000 00000000  1000        0 18446744073709551615 1 0000000000000000 100 0 0 10 0";

TEST(TcpTable, ParsesALine) {
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

TEST(TcpTable, RejectsMalformedLines) {
  for (const char* text :
       {"", " ", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt",
        "0: 0100007F:D431", "0: 0100007F 00000000:0000 0A x x 0 0 0 1",
        "0: 0100007:D431 00000000:0000 0A x x 0 0 0 1", "0: 0100007G:D431 0 0A x x 0 0 0 1",
        "0: 0100007F:1D431 0 0A x x 0 0 0 1", "0: 0100007F:D431 0 0A x x 0 0 0 -1"}) {
    EXPECT_FALSE(parse_tcp_table_line(text).has_value()) << text;
  }
  // The sample is invalid if it ends anywhere before the inode.
  const std::string whole = listening_line;
  const auto inode = whole.find("12345");
  for (std::size_t size = 0; size < inode; ++size) EXPECT_FALSE(parse_tcp_table_line(whole.substr(0, size)));
}

TEST(TcpTable, FindsTheProcessThatListens) {
  harness::ServerProcess server({"--bind", "127.0.0.1"});
  const auto entries = find_sockets_on_port(server.port());
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

TEST(Netstat, IsParsedByName) {
  const auto counters = parse_netstat(netstat);
  ASSERT_TRUE(counters.has_value());
  EXPECT_EQ(counters->overflows, 17U);
  EXPECT_EQ(counters->drops, UINT64_MAX);
  EXPECT_EQ(parse_netstat("IpExt: A\nIpExt: 1\nTcpExt: ListenDrops ListenOverflows\nTcpExt: 1 2")->overflows,
            2U);
}

TEST(Netstat, RejectsMalformedText) {
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
