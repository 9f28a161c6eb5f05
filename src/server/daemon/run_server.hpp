#pragma once

#include "server/daemon/server.hpp"

namespace tcpserver::server {

// The daemon: listens, announces its port in one line on standard output, serves until SIGTERM or SIGINT,
// drains. On SIGHUP it reads its options again and puts in force what can change. Takes over the process's
// signals and standard descriptors. Returns the exit status; throws StartError where it cannot start.
[[nodiscard]] base::ExitStatus run_server(const ServerCommand& command, ReadCommand read_again);

}  // namespace tcpserver::server
