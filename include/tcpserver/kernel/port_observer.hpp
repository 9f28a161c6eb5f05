#pragma once

#include "tcpserver/kernel/tcp_sockets.hpp"

namespace tcpserver::kernel {

// A listening socket of this network namespace, of any process.
struct ObservedListener {
  base::SocketAddress local;
  std::uint64_t inode = 0;                 // for find_socket_owner
  std::uint32_t length = 0;                // connections that wait for accept
  std::optional<std::uint32_t> limit{};    // the backlog in effect; one more may wait. nullopt if unknown
  std::optional<std::uint32_t> dropped{};  // segments dropped since its creation. nullopt if unknown
};

struct PortSnapshot {
  std::vector<ObservedListener> listeners;
  std::uint64_t half_open = 0;  // connections in SYN_RECV, the SYN queue of this port
};

// Samples the listeners of one port. If the kernel has no sock_diag(7), it reads /proc/net/tcp and tcp6,
// which show neither limit nor drops.
class PortObserver {
 public:
  // Throws StartError (system) if descriptors or memory run out, as does take_snapshot().
  explicit PortObserver(std::uint16_t port) : port_(port) {}

  // `kind` is listeners, which is cheap on a machine with many connections, or listeners_and_half_open.
  [[nodiscard]] PortSnapshot take_snapshot(TcpSockets::Kind kind);

 private:
  std::uint16_t port_;
  TcpSockets sockets_;
};

}  // namespace tcpserver::kernel
