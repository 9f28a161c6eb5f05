#include "server/admit/spare_fd.hpp"

#include <fcntl.h>

namespace tcpserver::server {

void Reserve::refill() noexcept {
  // A file of its own and no duplicate, which would not count in the system's table.
  if (!fd_) fd_ = base::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

bool Reserve::spend() noexcept {
  const bool held = static_cast<bool>(fd_);
  fd_.reset();
  return held;
}

}  // namespace tcpserver::server
