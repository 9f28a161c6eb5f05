#pragma once

#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/socket_address.hpp"

#include "client/options.hpp"
#include "client/timeline.hpp"

#include <functional>
#include <vector>

namespace tcpserver::client {

// Gets the timeline again and again while it grows.
using Watcher = std::function<void(const Timeline&)>;

struct PoolResult {
  Timeline timeline;
  int signal = 0;  // SIGINT or SIGTERM that stopped it; the caller may want to end by it. 0: none
};

// Many clients at once, in one process: they are connected one right after the other, the slow clients first.
// Each sends its sentence, a slow one after the delay, half-closes, and compares what comes until the server
// closes. Times are those at which this process looked: what one look finds had happened by then. Never
// throws for what a server does: that is in the timeline.
// Throws StartError (system) if there are too few descriptors.
[[nodiscard]] PoolResult run_clients(const ClientOptions& options,
                                     const std::vector<base::SocketAddress>& addresses,
                                     const Watcher& watcher);

// tcpclient --clients: runs the clients, draws their timeline (on a terminal as it happens) or prints it as
// JSON. After SIGINT or SIGTERM it shows what was seen by then, and ends by that signal. Throws StartError:
// as the first client that got no right reply (Trouble), or where there is nobody to connect to (resolve), no
// descriptor (system) or no standard output (io_error).
[[nodiscard]] base::ExitStatus run_many_clients(const ClientOptions& options);

}  // namespace tcpserver::client
