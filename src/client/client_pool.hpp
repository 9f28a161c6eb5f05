#pragma once

#include "tcpserver/base/socket_address.hpp"

#include "client/options.hpp"
#include "client/timeline.hpp"

#include <functional>
#include <vector>

namespace tcpserver::client {

// Shown the timeline again and again while it grows, every frame_time.
using Watcher = std::function<void(const Timeline&)>;
inline constexpr auto frame_time = std::chrono::milliseconds(50);

struct PoolResult {
  Timeline timeline;
  int signal = 0;  // SIGINT or SIGTERM that stopped it; the caller may want to end by it. 0: none
};

// Many clients at once, in one process: all sockets are opened, then connected one right after the other, the
// slow clients first. Each sends its sentence, a slow one after the delay, half-closes, and compares what
// comes until the server closes. Times are those at which this process looked: what one look finds had
// happened by then. Never throws for what a server does: that is in the timeline.
// Throws StartError (system) where there are not so many sockets.
[[nodiscard]] PoolResult run_clients(const ClientOptions& options,
                                     const std::vector<base::SocketAddress>& addresses,
                                     const Watcher& watcher);

}  // namespace tcpserver::client
