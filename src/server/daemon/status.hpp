#pragma once

#include "tcpserver/server/options.hpp"

#include <string>

namespace tcpserver::server {

struct Status {
  std::string text;
  bool serving;  // a server serves, and none is starting or suspended
};

// Returns the output of --status: the sessions of the servers on --port (and --bind), or of the server that
// holds the lock on --pid-file. A server that has closed its listeners is found by its sessions. Reads /proc
// and sock_diag(7). Throws StartError: usage (--port 0), unavailable (no server there, or no /proc or
// sock_diag), no_permission, system.
[[nodiscard]] Status find_status(const ServerCommand& command);

}  // namespace tcpserver::server
