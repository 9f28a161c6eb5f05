#include "tcpserver/kernel/port_observer.hpp"

namespace tcpserver::kernel {

PortPicture PortObserver::look(TcpSockets::Kind kind) {
  PortPicture picture;
  const auto add = [&picture](const TcpSocket& socket, std::optional<std::uint32_t> limit) {
    if (socket.state == tcp_state_syn_recv) ++picture.half_open;
    if (socket.state != tcp_state_listen) return;
    picture.listeners.push_back({socket.local, socket.inode, socket.receive_queue, limit, socket.dropped});
  };
  if (sockets_.for_each(kind, port_, [&](const auto& socket) { add(socket, socket.send_queue); })) {
    return picture;
  }
  picture = {};
  for (const auto& socket : sockets_of_port(port_)) add(socket, std::nullopt);
  return picture;
}

}  // namespace tcpserver::kernel
