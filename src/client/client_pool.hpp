#pragma once

#include "client/client.hpp"
#include "client/timeline.hpp"

#include <functional>

namespace tcpserver::client {

// Runs many clients in one process. They connect one after the other, the slow clients first. Each sends its
// sentence (a slow one after the delay), half-closes, and compares the reply until the server closes. Events
// have the time at which this process noticed them. Calls `watcher` while the timeline grows. Never throws
// for what a server does. Throws StartError (system) if there are too few descriptors.
[[nodiscard]] Timeline run_clients(const ClientOptions& options,
                                   const std::vector<base::SocketAddress>& addresses,
                                   const std::function<void(const Timeline&)>& watcher);

// tcpclient --clients: runs the clients and draws their timeline (on a terminal live), or prints it as JSON.
// After SIGINT or SIGTERM it shows what it has seen so far and dies of that signal. Throws StartError: the
// failure of the first client without a right reply (see Trouble), or resolve, too few descriptors (system),
// no standard output (io_error).
[[nodiscard]] base::ExitStatus run_many_clients(const ClientOptions& options);

}  // namespace tcpserver::client
