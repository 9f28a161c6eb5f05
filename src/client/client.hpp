#pragma once

#include "tcpserver/options/client_options.hpp"
#include "tcpserver/posix/exit_status.hpp"

namespace tcpserver::client {

// The demo client. Asks on a terminal, sends --message, or streams standard input; prints what comes back.
// Returns the exit status; throws StartError for what went wrong: no_host, unavailable, temp_fail, io_error
// (fewer bytes came back than were sent), protocol (--clients: a wrong reply).
[[nodiscard]] posix::ExitStatus run_client(const options::ClientOptions& options);

}  // namespace tcpserver::client
