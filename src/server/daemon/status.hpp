#pragma once

#include "tcpserver/server/options.hpp"

#include <string>

namespace tcpserver::server {

// --status: the table of sessions of the servers on --port (and --bind), or of the one that has --pid-file
// locked, as /proc and sock_diag(7) show them. Writes the command's warnings to standard error. Throws
// StartError: usage (--port 0), unavailable (no server there, or the system does not tell), no_permission
// (this user may not look), system.
[[nodiscard]] std::string format_status(const ServerCommand& command);

}  // namespace tcpserver::server
