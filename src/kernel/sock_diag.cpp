#include "tcpserver/kernel/sock_diag.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cstring>

namespace tcpserver::kernel {

namespace {

// Takes a T off the front of the bytes. Nothing where they are too few. Copied, for nothing aligns them.
template <typename T>
std::optional<T> take(std::string_view& bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

// Messages and attributes begin at multiples of four; the padding of the last may be missing.
void skip(std::string_view& bytes, std::size_t count) {
  constexpr std::size_t alignment = NLMSG_ALIGNTO;
  static_assert(alignment == RTA_ALIGNTO);
  const std::size_t aligned = (count + alignment - 1) / alignment * alignment;
  bytes.remove_prefix(std::min(aligned, bytes.size()));
}

// `address` is four words, of which IPv4 has the first alone; `port` is in network order.
std::optional<base::SocketAddress> address_of(const inet_diag_msg& socket, const __be32* address,
                                              __be16 port) {
  if (socket.idiag_family == AF_INET6) {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = port;
    std::memcpy(&six.sin6_addr, address, sizeof six.sin6_addr);
    if (IN6_IS_ADDR_LINKLOCAL(&six.sin6_addr)) six.sin6_scope_id = socket.id.idiag_if;
    return base::SocketAddress::from(reinterpret_cast<const sockaddr*>(&six));
  }
  sockaddr_in four{};
  four.sin_family = socket.idiag_family;
  four.sin_port = port;
  std::memcpy(&four.sin_addr, address, sizeof four.sin_addr);
  return base::SocketAddress::from(reinterpret_cast<const sockaddr*>(&four));
}

std::optional<std::uint32_t> drops_in(std::string_view attributes) {
  auto figures = attribute_of(attributes, INET_DIAG_SKMEMINFO);
  if (!figures) return std::nullopt;
  constexpr std::size_t before = SK_MEMINFO_DROPS * sizeof(std::uint32_t);
  figures->remove_prefix(std::min(before, figures->size()));
  return take<std::uint32_t>(*figures);
}

}  // namespace

std::optional<base::SocketAddress> local_of(const inet_diag_msg& socket) {
  return address_of(socket, socket.id.idiag_src, socket.id.idiag_sport);
}

std::optional<base::SocketAddress> peer_of(const inet_diag_msg& socket) {
  return address_of(socket, socket.id.idiag_dst, socket.id.idiag_dport);
}

std::optional<std::string_view> attribute_of(std::string_view attributes, std::uint16_t type) {
  for (;;) {
    auto rest = attributes;
    const auto head = take<rtattr>(rest);
    if (!head || head->rta_len < sizeof(rtattr) || head->rta_len > attributes.size()) return std::nullopt;
    if (head->rta_type == type) return attributes.substr(sizeof(rtattr), head->rta_len - sizeof(rtattr));
    skip(attributes, head->rta_len);
  }
}

std::string sock_diag_request(int family, std::uint16_t port, std::uint32_t states, std::uint8_t attributes) {
  struct {
    nlmsghdr head;
    inet_diag_req_v2 body;
  } request{};
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = static_cast<std::uint8_t>(family);
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_ext = attributes;
  request.body.idiag_states = states;
  request.body.id.idiag_sport = htons(port);
  return {reinterpret_cast<const char*>(&request), sizeof request};
}

std::string sock_diag_request(int family, std::uint16_t port, PortObserver::Look what) {
  std::uint32_t states = 1U << TCP_LISTEN;
  if (what == PortObserver::Look::with_half_open) states |= 1U << TCP_SYN_RECV;
  return sock_diag_request(family, port, states, 1U << (INET_DIAG_SKMEMINFO - 1));
}

DiagReply for_each_socket(std::string_view datagram, const VisitSocket& visit) {
  while (!datagram.empty()) {
    auto rest = datagram;
    const auto head = take<nlmsghdr>(rest);
    if (!head || head->nlmsg_len < sizeof(nlmsghdr) || head->nlmsg_len > datagram.size()) {
      return DiagReply::failed;
    }
    if (head->nlmsg_type == NLMSG_DONE) {
      // With an errno, negative, where the kernel has no such dump: inet_diag without tcp_diag.
      const auto status = take<std::int32_t>(rest);
      return status && *status < 0 ? DiagReply::failed : DiagReply::done;
    }
    if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY) return DiagReply::failed;  // NLMSG_ERROR and what is strange
    auto payload = datagram.substr(sizeof(nlmsghdr), head->nlmsg_len - sizeof(nlmsghdr));
    const auto socket = take<inet_diag_msg>(payload);
    if (!socket || !visit(*socket, payload)) return DiagReply::failed;
    skip(datagram, head->nlmsg_len);
  }
  return DiagReply::more;
}

DiagReply read_sock_diag(std::string_view datagram, std::uint16_t port, PortPicture& picture) {
  return for_each_socket(datagram, [&](const inet_diag_msg& socket, std::string_view attributes) {
    if (ntohs(socket.id.idiag_sport) != port) return true;
    if (socket.idiag_state == TCP_SYN_RECV) ++picture.half_open;
    if (socket.idiag_state != TCP_LISTEN) return true;
    const auto local = local_of(socket);
    if (!local) return false;
    picture.listeners.push_back({.local = *local,
                                 .inode = socket.idiag_inode,
                                 .length = socket.idiag_rqueue,
                                 .limit = socket.idiag_wqueue,
                                 .dropped = drops_in(attributes)});
    return true;
  });
}

}  // namespace tcpserver::kernel
