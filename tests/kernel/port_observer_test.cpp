#include "tcpserver/kernel/port_observer.hpp"

#include "tcpserver/kernel/listen_counters.hpp"
#include "tcpserver/kernel/sock_diag.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <gtest/gtest.h>

#include <cstring>

namespace {

using namespace tcpserver::base;
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

// A reply as the kernel writes it: one listening socket with its drops, then the end.
std::string message(std::uint16_t type, const std::string& payload) {
  nlmsghdr head{};
  head.nlmsg_type = type;
  head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + payload.size());
  return std::string(reinterpret_cast<const char*>(&head), sizeof head) + payload;
}

std::string socket_payload(std::uint8_t state, std::uint16_t port, std::uint32_t dropped) {
  inet_diag_msg socket{};
  socket.idiag_family = AF_INET;
  socket.idiag_state = state;
  socket.id.idiag_sport = htons(port);
  const std::uint32_t address = htonl(INADDR_LOOPBACK);
  std::memcpy(socket.id.idiag_src, &address, sizeof address);
  socket.idiag_rqueue = 8;
  socket.idiag_wqueue = 7;
  socket.idiag_inode = 4711;
  std::string payload(reinterpret_cast<const char*>(&socket), sizeof socket);
  std::uint32_t figures[SK_MEMINFO_VARS] = {};
  figures[SK_MEMINFO_DROPS] = dropped;
  rtattr attribute{};
  attribute.rta_type = INET_DIAG_SKMEMINFO;
  attribute.rta_len = sizeof attribute + sizeof figures;
  payload.append(reinterpret_cast<const char*>(&attribute), sizeof attribute);
  payload.append(reinterpret_cast<const char*>(figures), sizeof figures);
  return payload;
}

TEST(SockDiag, ReadsAReply) {
  PortPicture picture;
  const std::string reply = message(SOCK_DIAG_BY_FAMILY, socket_payload(TCP_LISTEN, 80, 12)) +
                            message(SOCK_DIAG_BY_FAMILY, socket_payload(TCP_SYN_RECV, 80, 0)) +
                            message(SOCK_DIAG_BY_FAMILY, socket_payload(TCP_LISTEN, 81, 3));
  EXPECT_EQ(read_sock_diag(reply, 80, picture), DiagReply::more);
  EXPECT_EQ(read_sock_diag(message(NLMSG_DONE, ""), 80, picture), DiagReply::done);
  ASSERT_EQ(picture.listeners.size(), 1U) << "the other port's is left out";
  EXPECT_EQ(picture.listeners[0].local.text(), "127.0.0.1:80");
  EXPECT_EQ(picture.listeners[0].length, 8U);
  EXPECT_EQ(picture.listeners[0].limit, 7U);
  EXPECT_EQ(picture.listeners[0].dropped, 12U);
  EXPECT_EQ(picture.listeners[0].inode, 4711U);
  EXPECT_EQ(picture.half_open, 1U);
}

TEST(SockDiag, TakesAnErrorAndCutRepliesForFailures) {
  PortPicture picture;
  const auto done = [](std::int32_t status) {
    return message(NLMSG_DONE, std::string(reinterpret_cast<const char*>(&status), sizeof status));
  };
  EXPECT_EQ(read_sock_diag(done(0), 80, picture), DiagReply::done);
  EXPECT_EQ(read_sock_diag(done(-2), 80, picture), DiagReply::failed) << "no such dump";
  EXPECT_EQ(read_sock_diag(message(NLMSG_ERROR, std::string(4, '\0')), 80, picture), DiagReply::failed);
  const std::string whole = message(SOCK_DIAG_BY_FAMILY, socket_payload(TCP_LISTEN, 80, 12));
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_EQ(read_sock_diag(whole.substr(0, size), 80, picture), DiagReply::failed) << size;
  }
  EXPECT_TRUE(picture.listeners.empty());
}

}  // namespace
