#include "tcpserver/kernel/port_observer.hpp"

#include "tcpserver/kernel/tcp_table.hpp"

#include "kernel/diagnosis.hpp"

#include <sys/socket.h>

namespace tcpserver::kernel {

namespace {

// One dump. False where the kernel gave no whole answer.
bool ask(int fd, int family, std::uint16_t port, PortObserver::Look what, PortPicture& picture) {
  return ask_diagnosis(fd, sock_diag_request(family, port, what),
                       [&](std::string_view datagram) { return read_sock_diag(datagram, port, picture); });
}

PortPicture picture_from_proc(std::uint16_t port) {
  PortPicture picture;
  for (const auto& socket : sockets_of_port(port)) {
    if (socket.state == tcp_state_syn_recv) ++picture.half_open;
    if (socket.state != tcp_state_listen) continue;
    picture.listeners.push_back({.local = socket.local,
                                 .inode = socket.inode,
                                 .length = socket.receive_queue,
                                 .limit = std::nullopt,
                                 .dropped = std::nullopt});
  }
  return picture;
}

}  // namespace

PortObserver::PortObserver(std::uint16_t port) : port_(port), diagnosis_(open_diagnosis()) {}

PortPicture PortObserver::look(Look what) {
  if (!diagnosis_) return picture_from_proc(port_);
  PortPicture picture;
  if (ask(diagnosis_.get(), AF_INET, port_, what, picture) &&
      ask(diagnosis_.get(), AF_INET6, port_, what, picture)) {
    return picture;
  }
  // A reply in the middle of which something broke would be taken for the next one's beginning.
  diagnosis_ = {};
  diagnosis_ = open_diagnosis();
  return picture_from_proc(port_);
}

}  // namespace tcpserver::kernel
