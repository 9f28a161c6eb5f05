#pragma once

#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/kernel/sock_diag.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

// TCP sockets of this network namespace, whoever has them, and how much went through them: by sock_diag(7),
// as ss(8) does. Linux only.
namespace tcpserver::kernel {

struct TcpSocket {
  base::SocketAddress local;
  base::SocketAddress peer;  // of a listener 0.0.0.0:0 or [::]:0
  unsigned state = 0;        // as in the kernel's net/tcp_states.h
  std::uint64_t inode = 0;   // links the socket to the descriptors in /proc/PID/fd
  // Of a connection: bytes that came and that the program has not read, and bytes that it wrote and that the
  // peer's kernel has not acknowledged. Of a listener: connections that wait for accept, and the backlog.
  std::uint32_t receive_queue = 0;
  std::uint32_t send_queue = 0;
  // Bytes of the stream, to the byte: what the peer has sent, as far as it came, and what the program here
  // has written. Nothing where the kernel does not tell (before Linux 4.1).
  std::optional<std::uint64_t> received;
  std::optional<std::uint64_t> written;
};

// "ESTABLISHED", "CLOSE-WAIT": the names of RFC 9293. Never null.
[[nodiscard]] const char* tcp_state_name(unsigned state) noexcept;

// Adds the sockets of one datagram of the reply. Whatever the bytes are, nothing is read beyond them.
[[nodiscard]] DiagReply read_tcp_sockets(std::string_view datagram, std::vector<TcpSocket>& sockets);

class TcpSockets {
 public:
  enum class Kind { listeners, connections };  // connections: those that a process can have

  // Throws StartError (system) where descriptors or memory are short.
  TcpSockets();

  // Calls visit(socket) for those of this local port, or of every port with 0. False where the kernel does
  // not tell; some may have been visited then.
  [[nodiscard]] bool for_each(Kind kind, std::uint16_t port,
                              const std::function<void(const TcpSocket&)>& visit);

 private:
  base::UniqueFd diagnosis_;  // empty: there is no sock_diag
};

}  // namespace tcpserver::kernel
