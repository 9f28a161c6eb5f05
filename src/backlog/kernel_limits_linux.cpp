#include "tcpserver/backlog/kernel_limits.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <fstream>

namespace tcpserver::backlog {

KernelLimits kernel_limits(int listener) {
  KernelLimits limits;
  std::ifstream file("/proc/sys/net/core/somaxconn");
  if (std::uint64_t value = 0; file >> value) limits.somaxconn = value;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &size) == 0) limits.in_effect = info.tcpi_sacked;
  return limits;
}

}  // namespace tcpserver::backlog
