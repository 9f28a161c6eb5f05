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

// How the parent waits for children that have ended.
enum class Reap {
  handler,  // the SIGCHLD handler calls waitpid until no ended child is left
  once,     // one waitpid per SIGCHLD, the classic mistake: signals merge, so zombies remain
  none      // never: every child stays a zombie
};

// The treatment of a client if --max-connections is reached or descriptors are short.
enum class Overload {
  queue,  // it waits in the listen queue
  refuse  // it is accepted and reset
};

// Whether children give up all system calls but four.
enum class SandboxWish {
  if_possible,  // with a warning if it is not
  on,           // or the server does not start
  off
};

// quiet: only warnings, and answers to signals; verbose: each session too.
enum class Verbosity { quiet, normal, verbose };

enum class LogTarget { stderr_stream, syslog };
enum class LogFormat { text, json };

// Names or numbers, which were not looked up yet.
struct UserRequest {
  std::string user;
  std::string group;  // empty: the user's own

  friend bool operator==(const UserRequest&, const UserRequest&) = default;
};

// A backlog before it is clamped.
struct BacklogRequest {
  std::uint64_t value;  // 1 or more; UINT64_MAX also stands for larger ones
  std::string text;     // as it was given
  std::string source;   // "--backlog", "TCPSERVER_BACKLOG" or "FILE line 3: backlog"

  friend bool operator==(const BacklogRequest& left, const BacklogRequest& right) {
    return left.value == right.value;
  }
};

// The largest --record-limit in bytes: 1 TiB.
inline constexpr std::uint64_t largest_recording = std::uint64_t{1} << 40;

// Linux has no more pids (PID_MAX_LIMIT, proc_sys_kernel(5)).
inline constexpr std::uint32_t most_connections = 4'194'304;

// More listeners than any machine needs; each costs one pollfd in every wait.
inline constexpr std::size_t most_addresses = 64;

struct ServerOptions {
  std::string config;                     // the file that was read; empty: none
  std::uint16_t port = 54321;             // 0: a free one
  std::vector<base::SocketAddress> bind;  // with port 0; empty: every address, IPv6 and IPv4
  std::optional<BacklogRequest> backlog;  // nullopt: SOMAXCONN
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
  std::string pid_file;             // a path, absolute if the working directory is known; empty: none
  std::optional<UserRequest> user;  // nullopt: no change
  std::optional<LogTarget> log;     // nullopt: standard error, or syslog with daemonize
  LogFormat log_format = LogFormat::text;
  std::string metrics_file;        // a path like pid_file
  std::string record;              // the path of a folder, like pid_file
  std::uint64_t record_limit = 0;  // bytes per file, 1 to largest_recording; 0: no limit

  [[nodiscard]] LogTarget log_target() const noexcept {
    return log.value_or(daemonize ? LogTarget::syslog : LogTarget::stderr_stream);
  }
};

// The options in the order of the help.
[[nodiscard]] const cli::OptionTable<ServerOptions>& server_option_table();

struct ServerCommand {
  ServerOptions options;
  std::vector<std::string> warnings;
  std::string text_to_show;              // if not empty, print it on stdout and exit with 0
  bool show_status = false;              // show the sessions of the running server, and exit
  bool test = false;                     // print the errors, or else text_to_show, and exit
  std::vector<base::StartError> errors;  // with `test`: one line each
};

// Reads argv, TCPSERVER_... variables and the file of --config. Call it again to read the file again.
// Relative paths begin at `directory` (empty: the working directory), because a daemon changes its own.
// Throws StartError: usage, config for a bad line of the file, or no_input if it cannot be read.
[[nodiscard]] ServerCommand parse_server_command(int argc, char* const* argv, char* const* environment,
                                                 const std::string& directory = {});

}  // namespace tcpserver::server
