#include "tcpserver/kernel/tcp_sockets.hpp"

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>

namespace tcpserver::kernel {

using base::parse_number;
using base::take_field;

namespace {

// These are from net/tcp_states.h. <netinet/tcp.h> has them too, but its tcp_info lacks the byte counts.
constexpr unsigned established = 1, fin_wait_1 = 4, fin_wait_2 = 5, time_wait = 6, close_wait = 8;
constexpr unsigned last_ack = 9, closing = 11;

template <typename... State>
constexpr std::uint32_t state_set(State... states) {
  return ((1U << states) | ...);
}
constexpr auto listening = state_set(tcp_state_listen);
// TIME-WAIT and SYN-RECEIVED are omitted: they belong to no process, and there may be very many.
constexpr auto connected = state_set(established, fin_wait_1, fin_wait_2, close_wait, last_ack, closing);
constexpr auto fin_received = state_set(close_wait, last_ack, closing, time_wait);
constexpr auto fin_written = state_set(fin_wait_1, fin_wait_2, last_ack, closing, time_wait);
constexpr auto fin_queued = state_set(fin_wait_1, last_ack, closing);

// A FIN takes a sequence number like a byte (RFC 9293, section 3.4), and the kernel counts it as one.
template <typename Number>
Number without_fin(Number count, unsigned state, std::uint32_t states_with_fin) {
  const bool has_fin = state < 32 && (states_with_fin >> state & 1U) != 0;
  return has_fin && count > 0 ? count - 1 : count;
}

// Copies the T at this offset, because it may be unaligned. nullopt if the bytes end before it does.
template <typename T>
std::optional<T> read_at(std::string_view bytes, std::size_t offset = 0) {
  T value;
  if (bytes.size() < offset + sizeof value) return std::nullopt;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Skips a message or attribute. They begin at multiples of four; the padding of the last one may be missing.
std::string_view skip(std::string_view bytes, std::size_t count) {
  static_assert(NLMSG_ALIGNTO == RTA_ALIGNTO);
  return bytes.substr(std::min<std::size_t>(NLMSG_ALIGN(count), bytes.size()));
}

// Returns the payload of the first attribute of this type; empty if there is none.
std::string_view find_attribute(std::string_view attributes, std::uint16_t type) {
  for (;;) {
    const auto head = read_at<rtattr>(attributes);
    if (!head || head->rta_len < sizeof *head || head->rta_len > attributes.size()) return {};
    if (head->rta_type == type) return attributes.substr(sizeof *head, head->rta_len - sizeof *head);
    attributes = skip(attributes, head->rta_len);
  }
}

std::optional<base::SocketAddress> read_address(const inet_diag_msg& message, const __be32* bytes,
                                                __be16 port) {
  const auto address = base::SocketAddress::from_bytes(message.idiag_family, bytes, ntohs(port));
  if (!address || !address->needs_scope()) return address;
  return base::SocketAddress::from_bytes(AF_INET6, bytes, ntohs(port), message.id.idiag_if);
}

std::optional<TcpSocket> read_socket(std::string_view payload) {
  const auto message = read_at<inet_diag_msg>(payload);
  if (!message) return std::nullopt;
  const auto local = read_address(*message, message->id.idiag_src, message->id.idiag_sport);
  const auto peer = read_address(*message, message->id.idiag_dst, message->id.idiag_dport);
  if (!local || !peer) return std::nullopt;
  const auto attributes = payload.substr(sizeof *message);
  const unsigned state = message->idiag_state;
  TcpSocket socket{.local = *local,
                   .peer = *peer,
                   .state = state,
                   .inode = message->idiag_inode,
                   .receive_queue = message->idiag_rqueue,
                   .send_queue = message->idiag_wqueue};
  if (state == tcp_state_listen) {
    const auto memory = find_attribute(attributes, INET_DIAG_SKMEMINFO);
    socket.dropped = read_at<std::uint32_t>(memory, SK_MEMINFO_DROPS * sizeof(std::uint32_t));
    return socket;
  }
  // An older kernel's tcp_info is shorter. The written bytes are the acknowledged bytes and the send queue.
  // tcpi_bytes_sent minus tcpi_bytes_retrans would omit unsent bytes of the send queue, and count bytes twice
  // that the kernel had to send again because a device queue was full.
  const auto info = find_attribute(attributes, INET_DIAG_INFO);
  const auto received = read_at<std::uint64_t>(info, offsetof(tcp_info, tcpi_bytes_received));
  const auto acknowledged = read_at<std::uint64_t>(info, offsetof(tcp_info, tcpi_bytes_acked));
  if (received) socket.received = without_fin(*received, state, fin_received);
  if (acknowledged) socket.written = without_fin(*acknowledged + socket.send_queue, state, fin_written);
  socket.receive_queue = without_fin(socket.receive_queue, state, fin_received);
  socket.send_queue = without_fin(socket.send_queue, state, fin_queued);
  return socket;
}

base::UniqueFd open_diagnosis() {
  base::UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd && base::is_shortage(errno)) throw base::system_error("ask the kernel for its listening sockets");
  // The reply is ready as soon as the request is sent, so a longer wait means a failure.
  const timeval limit = base::to_timeval(std::chrono::seconds(2));
  if (fd) static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  return fd;
}

bool send_request(int fd, int family, std::uint16_t port, TcpSockets::Kind kind) {
  using Kind = TcpSockets::Kind;
  const bool with_connections = kind == Kind::connections;
  struct {
    nlmsghdr head;
    inet_diag_req_v2 body;
  } request{};
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = static_cast<std::uint8_t>(family);
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_ext =
      static_cast<std::uint8_t>(1U << ((with_connections ? INET_DIAG_INFO : INET_DIAG_SKMEMINFO) - 1));
  request.body.idiag_states = with_connections ? connected : listening;
  if (kind == Kind::listeners_and_half_open) request.body.idiag_states |= state_set(tcp_state_syn_recv);
  request.body.id.idiag_sport = htons(port);
  return ::send(fd, &request, sizeof request, 0) == sizeof request;
}

bool receive_reply(int fd, const std::function<void(const TcpSocket&)>& visit) {
  for (;;) {
    std::array<char, 32768> datagram;  // the kernel fills at most this much (net/netlink/af_netlink.c)
    const auto size = ::recv(fd, datagram.data(), datagram.size(), MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0 || static_cast<std::size_t>(size) > datagram.size()) return false;
    std::vector<TcpSocket> sockets;  // only this datagram's: the machine may have a million
    const auto reply = read_tcp_sockets({datagram.data(), static_cast<std::size_t>(size)}, sockets);
    for (const auto& socket : sockets) visit(socket);
    if (reply != DiagReply::more) return reply == DiagReply::done;
  }
}

// Parses "0100007F:D431". Each 32-bit word of the address is a number in the machine's own byte order.
std::optional<base::SocketAddress> parse_endpoint(std::string_view field) {
  constexpr std::size_t digits_per_word = 8;
  const auto colon = field.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_number<std::uint16_t>(field.substr(colon + 1), 16);
  const bool is_ipv6 = colon == 4 * digits_per_word;
  if (!port || (!is_ipv6 && colon != digits_per_word)) return std::nullopt;

  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < (is_ipv6 ? 4U : 1U); ++i) {
    const auto word = parse_number<std::uint32_t>(field.substr(i * digits_per_word, digits_per_word), 16);
    if (!word) return std::nullopt;
    words[i] = *word;
  }
  return base::SocketAddress::from_bytes(is_ipv6 ? AF_INET6 : AF_INET, words.data(), *port);
}

int sort_key(const TcpSocket& entry) {
  if (entry.state == tcp_state_listen) return 0;
  return entry.inode != 0 ? 1 : 2;
}

}  // namespace

const char* tcp_state_name(unsigned state) noexcept {
  constexpr std::array names{"UNKNOWN",    "ESTABLISHED", "SYN-SENT",  "SYN-RECEIVED",
                             "FIN-WAIT-1", "FIN-WAIT-2",  "TIME-WAIT", "CLOSED",
                             "CLOSE-WAIT", "LAST-ACK",    "LISTEN",    "CLOSING"};
  return state < names.size() ? names[state] : names[0];
}

DiagReply read_tcp_sockets(std::string_view datagram, std::vector<TcpSocket>& sockets) {
  while (!datagram.empty()) {
    const auto head = read_at<nlmsghdr>(datagram);
    if (!head || head->nlmsg_len < sizeof *head || head->nlmsg_len > datagram.size()) {
      return DiagReply::failed;
    }
    const auto payload = datagram.substr(sizeof *head, head->nlmsg_len - sizeof *head);
    if (head->nlmsg_type == NLMSG_DONE) {
      // The payload is a negative errno if the kernel has no such dump: inet_diag without tcp_diag.
      return read_at<std::int32_t>(payload).value_or(0) < 0 ? DiagReply::failed : DiagReply::done;
    }
    const auto socket = head->nlmsg_type == SOCK_DIAG_BY_FAMILY ? read_socket(payload) : std::nullopt;
    if (!socket) return DiagReply::failed;
    sockets.push_back(*socket);
    datagram = skip(datagram, head->nlmsg_len);
  }
  return DiagReply::more;
}

TcpSockets::TcpSockets() : diagnosis_(open_diagnosis()) {}

bool TcpSockets::for_each(Kind kind, std::uint16_t port, const std::function<void(const TcpSocket&)>& visit) {
  for (const int family : {AF_INET, AF_INET6}) {
    if (!diagnosis_) return false;
    if (send_request(diagnosis_.get(), family, port, kind) && receive_reply(diagnosis_.get(), visit))
      continue;
    // Reopens the socket: the rest of a broken reply must not be read as the beginning of the next one.
    diagnosis_.reset();
    diagnosis_ = open_diagnosis();
    return false;
  }
  return true;
}

std::optional<TcpSocket> parse_tcp_table_line(std::string_view line) {
  // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...
  take_field(line);
  const auto local = parse_endpoint(take_field(line));
  take_field(line);
  const auto state = parse_number<unsigned>(take_field(line), 16);
  auto queues = take_field(line);
  base::take_until(queues, ':');
  const auto receive_queue = parse_number<std::uint32_t>(queues, 16);
  for (int skipped = 0; skipped < 4; ++skipped) take_field(line);
  const auto inode = parse_number<std::uint64_t>(take_field(line));
  if (!local || !state || !receive_queue || !inode) return std::nullopt;
  return TcpSocket{
      .local = *local, .peer = {}, .state = *state, .inode = *inode, .receive_queue = *receive_queue};
}

std::vector<TcpSocket> find_sockets_on_port(std::uint16_t port) {
  std::vector<TcpSocket> found;
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream table(path);
    for (std::string line; std::getline(table, line);) {
      const auto entry = parse_tcp_table_line(line);
      if (entry && entry->local.port() == port) found.push_back(*entry);
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const TcpSocket& left, const TcpSocket& right) {
    return sort_key(left) < sort_key(right);
  });
  return found;
}

}  // namespace tcpserver::kernel
