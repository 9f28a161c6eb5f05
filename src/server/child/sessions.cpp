#include "tcpserver/server/child/sessions.hpp"

#include "tcpserver/base/values.hpp"

namespace tcpserver::server {

void Sessions::say_draining(const Context& context, std::uint32_t open) noexcept {
  context.log.info("stopping: %u open %s may finish within %s; a second signal ends %s at once", open,
                   open == 1 ? "session" : "sessions",
                   base::duration_text(context.options.drain_timeout).c_str(), open == 1 ? "it" : "them");
}

}  // namespace tcpserver::server
