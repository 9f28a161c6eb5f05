#pragma once

#include "tcpserver/server/report/log.hpp"

namespace tcpserver::server {

// A service manager passes sockets, notifications and the watchdog to the process that it starts. Warns for
// each variable that names another process, such as a shell that started this server without exec.
// `notifies`: NOTIFY_SOCKET can be reached.
void log_wrapper_process(bool notifies, Log& log);

}  // namespace tcpserver::server
