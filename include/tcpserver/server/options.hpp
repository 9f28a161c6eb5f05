#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/service.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/cli/option_table.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::server {

enum class Mode { fork, iterative };
enum class Reap { handler, none };

// What becomes of a client who comes when nobody can be served: with as many sessions as --max-connections
// allows, or when descriptors are short.
enum class Overload {
  queue,  // it waits in the listen queue
  refuse  // it is accepted and reset, so that it knows at once
};

// Whether children give up all system calls but four.
enum class SandboxWish {
  if_possible,  // where the system can; said once where it cannot
  on,           // or the server does not start
  off
};

// How much is logged: warnings alone; what an operator wants to know; each session too.
enum class Verbosity { quiet, normal, verbose };

// Where the log goes, and what its lines are.
enum class LogTarget { stderr_stream, syslog };
enum class LogFormat { text, json };

// Who to become after the start, as it was asked for: names or numbers, whether there are such is not known
// yet.
struct UserRequest {
  std::string user;
  std::string group;  // empty: the user's own

  friend bool operator==(const UserRequest&, const UserRequest&) = default;
};

// A backlog as somebody asked for it, not yet clamped.
struct BacklogRequest {
  std::uint64_t value;  // 1 or more; the largest uint64_t stands for all that is larger
  std::string text;     // as it was given
  std::string source;   // "--backlog", "TCPSERVER_BACKLOG" or "FILE line 3: backlog"

  friend bool operator==(const BacklogRequest& left, const BacklogRequest& right) {
    return left.value == right.value;
  }
};

// What --record-limit may say at most, in bytes: 1 TiB.
inline constexpr std::uint64_t largest_recording = std::uint64_t{1} << 40;

// Linux has no more pids (PID_MAX_LIMIT, proc_sys_kernel(5)).
inline constexpr std::uint32_t most_connections = 4'194'304;

// More listeners than any machine needs; each costs one pollfd in every wait.
inline constexpr std::size_t most_addresses = 64;

struct ServerOptions {
  std::string config;                     // the file that was read; empty: none
  std::uint16_t port = 54321;             // 0: a free one
  std::vector<base::SocketAddress> bind;  // their port is 0; empty: every address, IPv6 and IPv4
  std::optional<BacklogRequest> backlog;  // nothing: SOMAXCONN
  Mode mode = Mode::fork;
  Reap reap = Reap::handler;
  base::Service service = base::services[0];
  std::uint32_t max_connections = 1000;  // 1 to most_connections
  std::uint32_t max_per_host = 0;        // 0: no limit of its own
  Overload overload = Overload::queue;
  base::Duration idle_timeout = std::chrono::minutes(5);    // zero: never
  base::Duration drain_timeout = std::chrono::seconds(10);  // zero: sessions end at once
  Verbosity verbosity = Verbosity::normal;
  SandboxWish sandbox = SandboxWish::if_possible;
  bool daemonize = false;
  std::string pid_file;             // its path, absolute where the working directory is known; empty: none
  std::optional<UserRequest> user;  // nothing: stays who it is
  std::optional<LogTarget> log;     // nothing: standard error, or syslog with daemonize
  LogFormat log_format = LogFormat::text;
  std::string metrics_file;        // path, as pid_file
  std::string record;              // path of a folder, as pid_file
  std::uint64_t record_limit = 0;  // bytes a file, 1 to largest_recording; 0: no limit

  [[nodiscard]] LogTarget log_target() const noexcept {
    return log.value_or(daemonize ? LogTarget::syslog : LogTarget::stderr_stream);
  }
};

// The options in the order of the help.
[[nodiscard]] const cli::OptionTable<ServerOptions>& server_option_table();

struct ServerCommand {
  ServerOptions options;
  std::vector<std::string> warnings;
  std::string text_to_show;  // not empty: print it on stdout and end with 0
  bool show_status = false;  // show the sessions of the server that runs, and end
};

// Reads argv, TCPSERVER_... variables and the file that --config names. Relative paths begin at `directory`
// (empty: the working directory): a daemon has left the one in which it was started. Throws StartError, one
// line, for what is not allowed. Called again, it reads the file again.
[[nodiscard]] ServerCommand parse_server_command(int argc, char* const* argv, char* const* environment,
                                                 const std::string& directory = {});

}  // namespace tcpserver::server
