#pragma once

#include "client/client.hpp"
#include "client/timeline.hpp"

#include <functional>

namespace tcpserver::client {

// Runs many clients in one process. They connect one after the other, the slow clients first. Each sends its
// sentence (a slow one after the delay), half-closes, and checks the reply until the server closes. Events
// have the time at which this process noticed them. Calls `watcher` while the timeline grows. Never throws
// for what a server does. Throws StartError (system) if there are too few descriptors.
[[nodiscard]] Timeline run_clients(const ClientOptions& options,
                                   const std::vector<base::SocketAddress>& addresses,
                                   const std::function<void(const Timeline&)>& watcher);

// tcpclient --clients: runs the clients and draws their timeline (live on a terminal), or prints it as JSON.
// Draws nothing if no client could connect. After SIGINT or SIGTERM it prints the timeline so far and dies of
// that signal. Throws StartError: the first failure (see FailureKind), or resolve, too few descriptors
// (system), no standard output (io_error).
[[nodiscard]] base::ExitStatus run_many_clients(const ClientOptions& options);

}  // namespace tcpserver::client
