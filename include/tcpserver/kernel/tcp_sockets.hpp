#pragma once

#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

// Lists the TCP sockets of this network namespace, of all processes: from sock_diag(7), as ss(8) does, or
// from /proc/net/tcp and tcp6 (proc_pid_net(5)).
namespace tcpserver::kernel {

inline constexpr unsigned tcp_state_syn_recv = 3;
inline constexpr unsigned tcp_state_listen = 10;  // shown as 0A

struct TcpSocket {
  base::SocketAddress local;
  base::SocketAddress peer;  // 0.0.0.0:0 or [::]:0 for a listener
  unsigned state = 0;        // as in the kernel's net/tcp_states.h
  std::uint64_t inode = 0;   // links the socket to the descriptors in /proc/PID/fd
  // For a connection: bytes that the program has not read, and bytes that the peer's kernel has not
  // acknowledged. For a listener: connections that wait for accept, and the backlog in effect.
  std::uint32_t receive_queue = 0;
  std::uint32_t send_queue = 0;
  // Bytes received, and bytes written by the program. nullopt if unknown (before Linux 4.1).
  std::optional<std::uint64_t> received{};
  std::optional<std::uint64_t> written{};
  // Segments that a listener has dropped since its creation; wraps around. nullopt if unknown.
  std::optional<std::uint32_t> dropped{};
};

// Returns the name in RFC 9293, such as "ESTABLISHED" or "CLOSE-WAIT". Never null.
[[nodiscard]] const char* tcp_state_name(unsigned state) noexcept;

enum class DiagReply { more, done, failed };

// Appends the sockets of one datagram of the reply. Safe for any bytes: returns `failed` if it is no reply.
[[nodiscard]] DiagReply read_tcp_sockets(std::string_view datagram, std::vector<TcpSocket>& sockets);

class TcpSockets {
 public:
  enum class Kind {
    listeners,
    listeners_and_half_open,  // and connections in SYN_RECV
    connections               // in the states in which a process can have them
  };

  // Throws StartError (system) if descriptors or memory run out, because an empty result would mean that
  // nothing uses the port.
  TcpSockets();

  // Calls visit(socket) for the sockets of this local port, or of every port if it is 0. Returns false if the
  // kernel gives no complete answer; visit may have been called nevertheless. Throws like the constructor.
  [[nodiscard]] bool for_each(Kind kind, std::uint16_t port,
                              const std::function<void(const TcpSocket&)>& visit);

 private:
  base::UniqueFd diagnosis_;  // empty if the kernel has no sock_diag
};

// Parses one line of /proc/net/tcp or tcp6, without the peer and the send queue. Returns nullopt for the
// heading and for malformed lines.
[[nodiscard]] std::optional<TcpSocket> parse_tcp_table_line(std::string_view line);

// Returns the sockets in these tables that have this local port: listeners first, then other sockets of
// processes, then sockets of the kernel alone (TIME_WAIT; inode 0). The tables omit sockets that are bound
// but neither listening nor connected.
[[nodiscard]] std::vector<TcpSocket> find_sockets_on_port(std::uint16_t port);

}  // namespace tcpserver::kernel
