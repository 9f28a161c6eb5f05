#pragma once

#include "tcpserver/server/report/log.hpp"

#include <string>
#include <string_view>

// What the command prints on standard error before there is a log, or after it.
namespace tcpserver::server {

// Prints the line as "tcpserver: LINE" or, with --log-format json, as a log event of this name.
void print_line(LogFormat format, Severity severity, const char* event, std::string_view line);

// Returns the format for the errors of options that parse_server_command refuses. Takes the same arguments.
// An invalid option does not hide --log-format, wherever either is given.
[[nodiscard]] LogFormat find_log_format(int argc, char* const* argv, char* const* environment,
                                        const std::string& directory);

}  // namespace tcpserver::server
