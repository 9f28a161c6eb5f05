#pragma once

#include "tcpserver/server/child/sessions.hpp"

namespace tcpserver::server {

// One client after another in this process: start() returns when the session is over, and until then every
// other client waits in the listen queue. This is the problem that a fork per connection solves. `waiter`
// waits for the client and handles signals meanwhile. All references must outlive the result.
[[nodiscard]] std::unique_ptr<Sessions> make_iterative_sessions(const ServerOptions& options,
                                                                SessionWaiter& waiter,
                                                                SessionReporter& reporter);

}  // namespace tcpserver::server
