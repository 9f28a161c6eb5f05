#pragma once

#include "tcpserver/cli/option_table.hpp"

// Recognizes text that other systems set or that users of other programs write.
namespace tcpserver::cli {

inline constexpr std::string_view blanks = " \t";

[[nodiscard]] std::string_view trim(std::string_view text);  // removes blanks at both ends

// Returns the position of the blank in front of the first comment (# or ;), or npos.
[[nodiscard]] std::size_t find_comment(std::string_view text);

// Returns what does not belong to the value, such as quotes or blanks around it; empty if all is right.
[[nodiscard]] std::string explain_mistake(std::string_view text);

// Returns the error for an operand of a program that takes only options. `tcpserver 7300` and
// `tcpserver 127.0.0.1:7300` are common mistakes.
[[nodiscard]] base::StartError unexpected_argument(const Program& program, const OptionTexts& options,
                                                   std::string_view word);

// Returns true if Kubernetes or Docker set this variable to describe a service or container: for the service
// "tcpserver-log", TCPSERVER_LOG_PORT=tcp://192.0.2.9:80 and its siblings. `entry` is NAME=VALUE without the
// prefix TCPSERVER_. Kubernetes: "Service", "Environment variables"; Docker: "Legacy container links".
[[nodiscard]] bool is_service_link(std::string_view entry);

// Returns the option that a name written for another program means: "max-connections" for "Max_Connections",
// "--max-connections", "export PREFIX_MAX_CONNECTIONS" and "max-connections:".
[[nodiscard]] std::string normalize(std::string_view name, const Program& program);

}  // namespace tcpserver::cli
