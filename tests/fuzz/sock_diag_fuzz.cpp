// Input: a reply datagram of sock_diag(7).
#include "tcpserver/kernel/tcp_sockets.hpp"

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<tcpserver::kernel::TcpSocket> sockets;
  static_cast<void>(tcpserver::kernel::read_tcp_sockets(fuzz::to_text(data, size), sockets));
  for (const auto& socket : sockets) {
    fuzz::require(!socket.local.text().empty() && !socket.peer.text().empty(), "it can be shown");
    fuzz::require(fuzz::is_one_plain_line(tcpserver::kernel::tcp_state_name(socket.state)), "it has a state");
  }
  return 0;
}
