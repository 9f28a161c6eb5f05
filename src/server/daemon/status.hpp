#pragma once

#include "tcpserver/server/options.hpp"

#include "server/daemon/session_table.hpp"

#include <string>
#include <vector>

namespace tcpserver::server {

// --status: what to print of the server that runs on --port (and --bind), or that has --pid-file locked. The
// server is asked nothing, and does not notice. Warnings of the command go to standard error.
// Throws StartError, one line: usage (no port says which), unavailable (no server there, or the system does
// not tell), no_permission (this user may not look), system.
[[nodiscard]] std::string sessions_text(const ServerCommand& command);

// The servers that these options mean, one at least, with their sessions sorted by age. The part of it that
// differs between systems: status_linux.cpp asks /proc and sock_diag(7), status_posix.cpp knows nothing.
// Throws StartError as above.
[[nodiscard]] std::vector<ServerPicture> look_at_servers(const ServerOptions& options);

}  // namespace tcpserver::server
