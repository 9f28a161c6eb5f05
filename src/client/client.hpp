#pragma once

#include "tcpserver/base/exit_status.hpp"

#include "client/options.hpp"

namespace tcpserver::client {

// The demo client. Asks on a terminal, sends --message, or streams standard input; prints what comes back.
// Returns the exit status; throws StartError for what went wrong: no_host, unavailable, temp_fail, io_error
// (fewer bytes came back than were sent), protocol (--clients: a wrong reply).
[[nodiscard]] base::ExitStatus run_client(const ClientOptions& options);

}  // namespace tcpserver::client
