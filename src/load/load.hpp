#pragma once

#include "tcpserver/options/load_options.hpp"
#include "tcpserver/posix/exit_status.hpp"

namespace tcpserver::load {

// tcpload: puts the load on, and prints the report. After SIGINT or SIGTERM it reports what was seen by then,
// and ends by that signal.
// Throws StartError: as the first connection that failed (exit_status_of), or where there is nobody to
// connect to (resolve), --sources do not fit (usage), descriptors do not suffice (system), or there is no
// standard output (io_error).
[[nodiscard]] posix::ExitStatus run_load(const options::LoadOptions& options);

}  // namespace tcpserver::load
