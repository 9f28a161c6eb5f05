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

// What happens to a client if --max-connections is reached or no descriptor is free.
enum class Overload {
  queue,  // the client waits in the listen queue
  refuse  // the client is accepted and reset
};

// Whether the server and its children restrict their privileges.
enum class SandboxPolicy {
  if_possible,  // warn if it is not possible
  on,           // do not start if it is not possible
  off
};

// quiet logs only warnings and answers to signals; verbose also logs each session.
enum class Verbosity { quiet, normal, verbose };

enum class LogTarget { stderr_stream, syslog };
enum class LogFormat { text, json };

// Whether lines of the text log on standard error begin with the time.
enum class LogTime {
  automatic,  // unless the journal adds it
  on,
  off
};

// Names or numbers that were not looked up yet.
struct UserRequest {
  std::string user;
  std::string group;              // empty: the user's own
  std::string source = "--user";  // or TCPSERVER_USER, or "FILE line 3: user"

  friend bool operator==(const UserRequest& left, const UserRequest& right) {
    return left.user == right.user && left.group == right.group;
  }
};

// A backlog before it is limited to SOMAXCONN, or to the kernel's limit if it is max.
struct BacklogRequest {
  std::uint64_t value;  // 1 or more; UINT64_MAX also stands for larger numbers
  std::string text;     // as given
  std::string source;   // "--backlog", "TCPSERVER_BACKLOG" or "FILE line 3: backlog"
  bool max = false;     // given as max

  friend bool operator==(const BacklogRequest& left, const BacklogRequest& right) {
    return left.value == right.value && left.max == right.max;
  }
};

// The largest --record-limit in bytes: 1 TiB.
inline constexpr std::uint64_t largest_recording = std::uint64_t{1} << 40;

// The largest number of pids on Linux (PID_MAX_LIMIT, proc_sys_kernel(5)).
inline constexpr std::uint32_t most_connections = 4'194'304;

// More than any machine needs. Each listener costs one pollfd per wait.
inline constexpr std::size_t most_addresses = 64;

struct ServerOptions {
  std::string config;                     // the file that was read; empty if none
  std::uint16_t port = 54321;             // 0 selects a free port
  std::vector<base::SocketAddress> bind;  // with port 0; empty for all IPv6 and IPv4 addresses
  std::optional<BacklogRequest> backlog;  // nullopt for SOMAXCONN
  Mode mode = Mode::fork;
  Reap reap = Reap::handler;
  base::Service service = base::services[0];
  std::uint32_t max_connections = 1000;  // 1 to most_connections
  std::uint32_t max_per_host = 0;        // 0 for no limit
  Overload overload = Overload::queue;
  base::Duration idle_timeout = std::chrono::minutes(5);    // zero disables it
  base::Duration drain_timeout = std::chrono::seconds(10);  // zero ends sessions at once
  Verbosity verbosity = Verbosity::normal;
  SandboxPolicy sandbox = SandboxPolicy::if_possible;
  bool daemonize = false;
  std::string pid_file;             // absolute if the working directory is known; empty if none
  std::optional<UserRequest> user;  // nullopt for no change
  std::optional<LogTarget> log;     // nullopt for standard error, or syslog with daemonize
  LogFormat log_format = LogFormat::text;
  LogTime log_time = LogTime::automatic;
  std::string metrics_file;        // absolute like pid_file
  std::string record;              // a directory, absolute like pid_file
  std::uint64_t record_limit = 0;  // bytes per file, 1 to largest_recording; 0 for no limit

  [[nodiscard]] LogTarget log_target() const noexcept {
    return log.value_or(daemonize ? LogTarget::syslog : LogTarget::stderr_stream);
  }
};

// The options in the order of the help.
[[nodiscard]] const cli::OptionTable<ServerOptions>& server_option_table();

struct ServerCommand {
  ServerOptions options;
  std::vector<std::string> warnings;
  std::vector<std::string> details;  // shown with --verbose or --test
  std::string text_to_show;              // if not empty, print it on stdout and exit with 0
  bool show_status = false;              // show the sessions of the running server, and exit
  bool test = false;                     // print the errors, or else text_to_show, and exit
  std::vector<base::StartError> errors;  // with `test`: one line each
};

// Reads argv, TCPSERVER_... variables and the file of --config. Call it again to read the file again.
// Relative paths begin at `directory` (empty: the working directory), because a daemon changes its own.
// Throws StartError: usage, config for a bad line of the file, or no_input if it cannot be read. Then the
// options have all valid values: --log-format decides how the error is printed.
void parse_server_command(ServerCommand& command, int argc, char* const* argv, char* const* environment,
                          const std::string& directory = {});

}  // namespace tcpserver::server
