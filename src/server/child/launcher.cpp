#include "server/child/launcher.hpp"

#include "server/child/plain_child.hpp"
#ifdef TCPSERVER_HAVE_SMALL_CHILDREN
#include "server/child/small_child.hpp"
#endif

namespace tcpserver::server {

std::unique_ptr<Launcher> make_launcher() {
#ifdef TCPSERVER_HAVE_SMALL_CHILDREN
  auto small = std::make_unique<SmallLauncher>();
  if (small->works()) return small;
#endif
  return make_plain_launcher();
}

std::unique_ptr<Launcher> make_plain_launcher() {
  return std::make_unique<PlainLauncher>();
}

}  // namespace tcpserver::server
