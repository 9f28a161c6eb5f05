#include "tcpserver/kernel/port_observer.hpp"

namespace tcpserver::kernel {

PortSnapshot PortObserver::take_snapshot(TcpSockets::Kind kind) {
  PortSnapshot snapshot;
  const auto add = [&snapshot](const TcpSocket& socket, std::optional<std::uint32_t> limit) {
    if (socket.state == tcp_state_syn_recv) ++snapshot.half_open;
    if (socket.state != tcp_state_listen) return;
    snapshot.listeners.push_back({socket.local, socket.inode, socket.receive_queue, limit, socket.dropped});
  };
  if (sockets_.for_each(kind, port_, [&](const auto& socket) { add(socket, socket.send_queue); })) {
    return snapshot;
  }
  snapshot = {};
  for (const auto& socket : find_sockets_on_port(port_)) add(socket, std::nullopt);
  return snapshot;
}

}  // namespace tcpserver::kernel
