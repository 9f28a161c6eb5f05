#pragma once

#include "tcpserver/base/exit_status.hpp"

#include "client/options.hpp"

namespace tcpserver::client {

// tcpclient --clients: runs the clients, draws their timeline (on a terminal as it happens) or prints it as
// JSON. After SIGINT or SIGTERM it shows what was seen by then, and ends by that signal. Throws StartError:
// as the first client that got no right reply (exit_status_of), or where there is nobody to connect to
// (resolve), no socket (system) or no standard output (io_error).
[[nodiscard]] base::ExitStatus run_many_clients(const ClientOptions& options);

}  // namespace tcpserver::client
