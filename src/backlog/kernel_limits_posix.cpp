#include "tcpserver/backlog/kernel_limits.hpp"

namespace tcpserver::backlog {

KernelLimits kernel_limits(int) {
  return {};
}

}  // namespace tcpserver::backlog
