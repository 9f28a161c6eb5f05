#pragma once

#include "tcpserver/kernel/process_table.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"
#include "tcpserver/server/options.hpp"

#include <string>
#include <vector>

namespace tcpserver::server {

using Processes = std::vector<kernel::ProcessFacts>;

// The running servers that --status means: those on --port (and --bind), or the one that has --pid-file
// locked. At least one. `listeners` and `processes` are all of this machine. Throws StartError: unavailable
// if there is no server, no_permission if this user may not look.
[[nodiscard]] Processes find_servers(const ServerOptions& options,
                                     const std::vector<kernel::TcpSocket>& listeners,
                                     const Processes& processes);

// StartError if the system does not tell who is connected, and if this user may not see that.
[[noreturn]] void throw_unknown();
[[noreturn]] void throw_no_right(const std::string& to_what);

// "tcpserver (pid 4711)"
[[nodiscard]] std::string format_process(const kernel::ProcessFacts& process);

}  // namespace tcpserver::server
