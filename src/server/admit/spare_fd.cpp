#include "tcpserver/server/admit/spare_fd.hpp"

#include <fcntl.h>

namespace tcpserver::server {

void SpareFd::refill() noexcept {
  // A file of its own, because a duplicate does not count in the table of the system.
  if (!fd_) fd_ = base::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

bool SpareFd::release() noexcept {
  const bool held = static_cast<bool>(fd_);
  fd_.reset();
  return held;
}

}  // namespace tcpserver::server
