// The kernel's datagrams of sock_diag(7).
#include "tcpserver/kernel/sock_diag.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto datagram = fuzz::text_of(data, size);
  tcpserver::kernel::PortPicture picture;
  const auto reply = tcpserver::kernel::read_sock_diag(datagram, 80, picture);
  for (const auto& listener : picture.listeners)
    fuzz::require(!listener.local.text().empty(), "it can be shown");
  std::vector<tcpserver::kernel::TcpSocket> sockets;
  const auto same_reply = tcpserver::kernel::read_tcp_sockets(datagram, sockets);
  for (const auto& socket : sockets) {
    fuzz::require(!socket.local.text().empty() && !socket.peer.text().empty(), "it can be shown");
    fuzz::require(fuzz::is_one_plain_line(tcpserver::kernel::tcp_state_name(socket.state)), "it has a state");
  }
  fuzz::require(same_reply == reply || same_reply == tcpserver::kernel::DiagReply::failed,
                "who looks at more sockets may fail more often");
  return 0;
}
