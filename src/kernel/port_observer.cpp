#include "tcpserver/kernel/port_observer.hpp"

#include "tcpserver/kernel/tcp_table.hpp"

namespace tcpserver::kernel {

PortPicture PortObserver::look(Look what) {
  using Kind = TcpSockets::Kind;
  const auto kind = what == Look::with_half_open ? Kind::listeners_and_half_open : Kind::listeners;
  PortPicture picture;
  const bool complete = sockets_.for_each(kind, port_, [&picture](const TcpSocket& socket) {
    if (socket.state == tcp_state_syn_recv) ++picture.half_open;
    if (socket.state != tcp_state_listen) return;
    picture.listeners.push_back(
        {socket.local, socket.inode, socket.receive_queue, socket.send_queue, socket.dropped});
  });
  if (complete) return picture;
  picture = {};
  for (const auto& socket : sockets_of_port(port_)) {
    if (socket.state == tcp_state_syn_recv) ++picture.half_open;
    if (socket.state != tcp_state_listen) continue;
    picture.listeners.push_back({socket.local, socket.inode, socket.receive_queue});
  }
  return picture;
}

}  // namespace tcpserver::kernel
