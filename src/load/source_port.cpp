#include "load/source_port.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

namespace tcpserver::load {

void choose_port_at_connect(int fd) noexcept {
  constexpr int on = 1;
  static_cast<void>(::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on));
}

}  // namespace tcpserver::load
