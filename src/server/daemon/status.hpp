#pragma once

#include "tcpserver/server/options.hpp"

#include <string>

namespace tcpserver::server {

// --status: the table of sessions of the server on --port (and --bind), or of the one that has --pid-file
// locked. It looks at /proc and sock_diag(7); the server is not asked. Warnings of the command go to standard
// error. Throws StartError: usage (no port says which), unavailable (no server there, or the system does not
// tell), no_permission (this user may not look), system.
[[nodiscard]] std::string format_status(const ServerCommand& command);

}  // namespace tcpserver::server
