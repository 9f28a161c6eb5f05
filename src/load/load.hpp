#pragma once

#include "tcpserver/base/exit_status.hpp"

#include "load/options.hpp"

namespace tcpserver::load {

// tcpload: puts the load on, and prints the report. After SIGINT or SIGTERM it reports what was seen by then,
// and ends by that signal.
// Throws StartError: as the first connection that failed (error_kinds), or where there is nobody to
// connect to (resolve), --sources do not fit (usage), descriptors do not suffice (system), or there is no
// standard output (io_error).
[[nodiscard]] base::ExitStatus run_load(const LoadOptions& options);

}  // namespace tcpserver::load
