#pragma once

#include "tcpserver/options/option_table.hpp"
#include "tcpserver/options/service.hpp"
#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/socket_address.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::options {

enum class Mode { fork, iterative };
enum class Reap { handler, none };

// How much is logged: warnings alone; what an operator wants to know; each session too.
enum class Verbosity { quiet, normal, verbose };

// A backlog as somebody asked for it, not yet clamped.
struct BacklogRequest {
  std::uint64_t value;  // 1 or more; the largest uint64_t stands for all that is larger
  std::string text;     // as it was given
  std::string source;   // "--backlog", "TCPSERVER_BACKLOG" or "FILE line 3: backlog"
};

// Linux has no more pids (PID_MAX_LIMIT, proc_sys_kernel(5)).
inline constexpr std::uint32_t most_connections = 4'194'304;

// More listeners than any machine needs; each costs one pollfd in every wait.
inline constexpr std::size_t most_addresses = 64;

struct ServerOptions {
  std::string config;                      // the file that was read; empty: none
  std::uint16_t port = 54321;              // 0: a free one
  std::vector<posix::SocketAddress> bind;  // their port is 0; empty: every address, IPv6 and IPv4
  std::optional<BacklogRequest> backlog;   // nothing: SOMAXCONN
  Mode mode = Mode::fork;
  Reap reap = Reap::handler;
  Service service = Service::echo;
  std::uint32_t max_connections = 1000;                      // 1 to most_connections
  posix::Duration idle_timeout = std::chrono::minutes(5);    // zero: never
  posix::Duration drain_timeout = std::chrono::seconds(10);  // zero: sessions end at once
  Verbosity verbosity = Verbosity::normal;
};

// The table of tcpserver's options. Its entries store into `target`, which must outlive it.
[[nodiscard]] OptionTable server_option_table(ServerOptions& target);

struct ServerCommand {
  ServerOptions options;
  std::vector<std::string> warnings;
  std::string text_to_show;  // not empty: print it on stdout and end with 0
};

// Reads argv, TCPSERVER_... variables and the file that --config names. Throws StartError, one line, for what
// is not allowed. Called again, it reads the file again.
[[nodiscard]] ServerCommand parse_server_command(int argc, char* const* argv, char* const* environment);

}  // namespace tcpserver::options
