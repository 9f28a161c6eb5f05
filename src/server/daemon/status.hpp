#pragma once

#include "tcpserver/server/options.hpp"

#include <string>

namespace tcpserver::server {

// Returns the output of --status: the sessions of the servers on --port (and --bind), or of the server that
// holds the lock on --pid-file. Reads /proc and sock_diag(7). Throws StartError: usage (--port 0),
// unavailable (no server there, or no /proc or sock_diag), no_permission, system.
[[nodiscard]] std::string format_status(const ServerCommand& command);

}  // namespace tcpserver::server
