#include "tcpserver/server/small_child.hpp"

#include <cerrno>

namespace tcpserver::server {

struct SmallChildren::Memory {};

SmallChildren::SmallChildren() = default;
SmallChildren::~SmallChildren() = default;

posix::Neighbourhood SmallChildren::place() const noexcept {
  return {};
}

void SmallChildren::hide_the_rest(const Scoreboard&) {}

pid_t SmallChildren::start(const ChildTask&, SessionRecord&) const noexcept {
  errno = ENOSYS;
  return -1;
}

}  // namespace tcpserver::server
