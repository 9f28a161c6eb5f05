#include "server/child/small_child.hpp"

#include <cerrno>

namespace tcpserver::server {

struct SmallChildren::Memory {};

SmallChildren::SmallChildren() = default;
SmallChildren::~SmallChildren() = default;

Neighbourhood SmallChildren::place() const noexcept {
  return {};
}

// This build has only plain children, so there is nothing to hide.
const char* SmallChildren::hide_the_rest(const Scoreboard&) {
  return nullptr;
}

pid_t SmallChildren::start(const ChildTask&, SessionRecord&) const noexcept {
  errno = ENOSYS;
  return -1;
}

}  // namespace tcpserver::server
