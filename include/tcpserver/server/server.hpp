#pragma once

#include "tcpserver/options/server_options.hpp"
#include "tcpserver/posix/exit_status.hpp"

namespace tcpserver::server {

// The daemon: listens, announces its port in one line on standard output, serves until SIGTERM or SIGINT,
// drains. Takes over the process's signals and standard descriptors.
// Returns the exit status; throws StartError where it cannot start.
[[nodiscard]] posix::ExitStatus run_server(const options::ServerCommand& command);

}  // namespace tcpserver::server
