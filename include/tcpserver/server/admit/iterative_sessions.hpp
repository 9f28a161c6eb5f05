#pragma once

#include "tcpserver/server/child/sessions.hpp"

namespace tcpserver::server {

// Serves one client after another in this process. start() returns when the session is over; until then all
// other clients wait in the listen queue. Forking per connection solves this problem. `waiter` waits for the
// client and handles signals. All references must outlive the result.
[[nodiscard]] std::unique_ptr<Sessions> make_iterative_sessions(const ServerOptions& options,
                                                                SessionWaiter& waiter,
                                                                SessionReporter& reporter);

}  // namespace tcpserver::server
