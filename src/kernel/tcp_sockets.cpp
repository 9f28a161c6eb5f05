#include "tcpserver/kernel/tcp_sockets.hpp"

#include "kernel/diagnosis.hpp"

#include <linux/inet_diag.h>
#include <linux/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <initializer_list>

namespace tcpserver::kernel {

namespace {

// net/tcp_states.h. <netinet/tcp.h> has them too, but its tcp_info ends before the counts of bytes.
enum State : unsigned {
  established = 1,
  fin_wait_1 = 4,
  fin_wait_2 = 5,
  time_wait = 6,
  close_wait = 8,
  last_ack = 9,
  listening = 10,
  closing = 11
};

constexpr std::uint32_t bit_of(State state) {
  return 1U << state;
}

bool is_one_of(unsigned state, std::initializer_list<State> states) {
  return std::find(states.begin(), states.end(), state) != states.end();
}

// A FIN takes a number of the sequence as a byte does (RFC 9293, section 3.4), and the kernel counts it as
// one.
bool peer_has_ended(unsigned state) {
  return is_one_of(state, {close_wait, last_ack, closing, time_wait});
}
bool has_ended_itself(unsigned state) {
  return is_one_of(state, {fin_wait_1, fin_wait_2, last_ack, closing, time_wait});
}

template <typename Number>
Number less_one_if(bool fin, Number count) {
  return fin && count > 0 ? count - 1 : count;
}

// An older kernel's tcp_info is shorter.
std::optional<std::uint64_t> count_at(std::string_view info, std::size_t offset) {
  std::uint64_t count = 0;
  if (info.size() < offset + sizeof count) return std::nullopt;
  std::memcpy(&count, info.data() + offset, sizeof count);
  return count;
}

// What was written is counted by sequence numbers: acknowledged ones, and those that are not yet.
// tcpi_bytes_sent less tcpi_bytes_retrans would leave out what waits in the send queue, and counts twice what
// a full queue of the device made the kernel send again.
void read_counts(std::string_view info, TcpSocket& socket) {
  const auto received = count_at(info, offsetof(tcp_info, tcpi_bytes_received));
  const auto acknowledged = count_at(info, offsetof(tcp_info, tcpi_bytes_acked));
  if (received) socket.received = less_one_if(peer_has_ended(socket.state), *received);
  if (acknowledged)
    socket.written = less_one_if(has_ended_itself(socket.state), *acknowledged + socket.send_queue);
}

}  // namespace

const char* tcp_state_name(unsigned state) noexcept {
  constexpr std::array names{"UNKNOWN",    "ESTABLISHED", "SYN-SENT",  "SYN-RECEIVED",
                             "FIN-WAIT-1", "FIN-WAIT-2",  "TIME-WAIT", "CLOSED",
                             "CLOSE-WAIT", "LAST-ACK",    "LISTEN",    "CLOSING"};
  return state < names.size() ? names[state] : names[0];
}

DiagReply read_tcp_sockets(std::string_view datagram, std::vector<TcpSocket>& sockets) {
  return for_each_socket(datagram, [&sockets](const inet_diag_msg& message, std::string_view attributes) {
    const auto local = local_of(message);
    const auto peer = peer_of(message);
    if (!local || !peer) return false;
    TcpSocket socket{.local = *local,
                     .peer = *peer,
                     .state = message.idiag_state,
                     .inode = message.idiag_inode,
                     .receive_queue = message.idiag_rqueue,
                     .send_queue = message.idiag_wqueue,
                     .received = std::nullopt,
                     .written = std::nullopt};
    if (socket.state != listening) {
      if (const auto info = attribute_of(attributes, INET_DIAG_INFO)) read_counts(*info, socket);
      socket.receive_queue = less_one_if(peer_has_ended(socket.state), socket.receive_queue);
      const bool fin_waits = is_one_of(socket.state, {fin_wait_1, last_ack, closing});
      socket.send_queue = less_one_if(fin_waits, socket.send_queue);
    }
    sockets.push_back(socket);
    return true;
  });
}

TcpSockets::TcpSockets() : diagnosis_(open_diagnosis()) {}

bool TcpSockets::for_each(Kind kind, std::uint16_t port, const std::function<void(const TcpSocket&)>& visit) {
  // Not those in TIME-WAIT and SYN-RECEIVED: no process has them, and there may be very many.
  constexpr auto connected = bit_of(established) | bit_of(fin_wait_1) | bit_of(fin_wait_2) |
                             bit_of(close_wait) | bit_of(last_ack) | bit_of(closing);
  const auto states = kind == Kind::listeners ? bit_of(listening) : connected;
  for (const int family : {AF_INET, AF_INET6}) {
    if (!diagnosis_) return false;
    std::vector<TcpSocket> sockets;
    const bool whole = ask_diagnosis(
        diagnosis_.get(), sock_diag_request(family, port, states, 1U << (INET_DIAG_INFO - 1)),
        [&](std::string_view datagram) {
          sockets.clear();  // as many as one datagram has: there may be a million others on this machine
          const auto reply = read_tcp_sockets(datagram, sockets);
          for (const auto& socket : sockets) visit(socket);
          return reply;
        });
    if (!whole) {
      diagnosis_ = {};
      return false;
    }
  }
  return true;
}

}  // namespace tcpserver::kernel
