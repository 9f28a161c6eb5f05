#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/program.hpp"
#include "tcpserver/server/confine/privileges.hpp"
#include "tcpserver/server/listen/listeners.hpp"
#include "tcpserver/server/report/log.hpp"

#include "server/daemon/daemonize.hpp"
#include "server/daemon/inetd.hpp"
#include "server/daemon/pid_file.hpp"
#include "server/daemon/server.hpp"
#include "server/daemon/status.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace tcpserver::server {

namespace {

void open_log(Log& log, const ServerCommand& command) {
  log.set_verbosity(command.options.verbosity);
  log.set_format(command.options.log_format);
  log.set_time(command.options.log_time);
  // The first lines also go to standard error: the system log may not exist yet.
  if (command.options.log_target() == LogTarget::syslog) log.open_system_log();
  for (const auto& warning : command.warnings) log.warning(LogEvent{"option_warning"}, "%s", warning.c_str());
  for (const auto& detail : command.details) {
    if (log.has_details()) log.info(LogEvent{"option_detail"}, "%s", detail.c_str());
  }
}

// Fails if too few descriptors are free for the first client: a connection, perhaps its recording and a spare
// one. `others` is the number that the server is about to open for itself.
void require_descriptors(const ServerOptions& options, std::size_t others) {
  const bool has_spare = options.overload == Overload::refuse && options.mode == Mode::fork;
  std::vector<base::UniqueFd> needed(1U + (options.record.empty() ? 0U : 1U) + (has_spare ? 1U : 0U) +
                                     others);
  for (auto& fd : needed) fd = base::UniqueFd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
  const auto missing = std::count_if(needed.begin(), needed.end(), [](const auto& fd) { return !fd; });
  rlimit limit{};
  if (missing == 0 || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const auto enough = base::wide(limit.rlim_cur) + static_cast<std::size_t>(missing);
  const char* const action =
      "accept clients: the limit of %llu descriptors is too low, at least %llu are needed; raise ulimit -n";
  throw base::socket_error(base::format_text(action, base::wide(limit.rlim_cur), enough), EMFILE);
}

// Returns how many descriptors the server opens because of its options, without those of the log.
std::size_t count_own_descriptors(const ServerOptions& options) {
  const auto addresses = options.bind.empty() ? 2U : options.bind.size();  // IPv6 and IPv4
  return (count_inherited_sockets() > 0 ? 0U : addresses) + (options.pid_file.empty() ? 0U : 2U) +
         (options.metrics_file.empty() ? 0U : 1U) + (options.record.empty() ? 0U : 1U);
}

// Serves until SIGTERM or SIGINT, and drains. `launcher` is null in the foreground. Throws StartError.
base::ExitStatus serve(const ServerCommand& command, const ReadCommand& read_again, bool output_closed,
                       LaunchPipe* launcher) {
  const auto& options = command.options;
  // Set up signals first: the reader of the log may have exited (SIGPIPE), and the first wait must notice a
  // stop request that was received during start-up.
  const bool stops_at_hangup = options.config.empty() && expects_hangup();
  base::SignalWindow window;
  if (stops_at_hangup) window.stop_on_hangup();
  Log log;
  open_log(log, command);
  log_wrapper_process(log);
  try {
    require_descriptors(options, count_own_descriptors(options));
    std::optional<Account> account;
    if (options.user) account = find_account(*options.user);
    std::optional<PidFile> pid_file;
    if (!options.pid_file.empty()) pid_file.emplace(options.pid_file);
    if (pid_file && pid_file->stale()) {
      log.info({"pid_file_stale", {{"pid", *pid_file->stale()}}}, "--pid-file: replaces the stale pid %d",
               static_cast<int>(*pid_file->stale()));
    }
    Server server(command, read_again, window, log);
    // Some features would be lost silently without a descriptor, such as Landlock, so check the rest now.
    require_descriptors(options, 0);
    switch_user(options, account, log);
    auto kept = server.writable_directories();
    if (pid_file) kept.push_back({.descriptor = pid_file->directory(), .remove = true});
    drop_privileges(options, kept, log);
    if (pid_file) pid_file->write();
    server.try_outputs();
    server.announce(output_closed);
    if (launcher != nullptr) {
      const char* const target = log.has_system_log() ? "syslog" : "standard error";
      log.info({"in_background", {{"pid", ::getpid()}, {"log", target}}},
               "running in the background as pid %d; the log goes to %s", static_cast<int>(::getpid()),
               target);
      launcher->report_ready(!log.has_system_log());
    }
    log.leave_standard_error();
    return server.run();
  } catch (const base::StartError& error) {
    // The process that exits prints the error on standard error.
    log.leave_standard_error();
    if (log.has_system_log()) log.error(LogEvent{"start_error"}, "%s", error.what());
    throw;
  }
}

// Throws if a service manager needs this process in the foreground.
void check_daemonize() {
  if (count_inherited_sockets() > 0) {
    throw cli::usage_error(
        "--daemonize: the sockets come from a service manager (LISTEN_FDS); run in the foreground");
  }
  if (SystemdNotifier().listens()) {
    throw cli::usage_error(
        "--daemonize: a service manager waits for this process (NOTIFY_SOCKET); run in the foreground");
  }
}

void check_directory(const char* option, const std::string& path) {
  struct stat status {};
  const int error = ::stat(path.c_str(), &status) != 0 ? errno : S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
  if (error == 0) return;
  throw base::StartError(
      base::ExitStatus::cannot_create,
      std::string(option) + ": directory " + base::quote_unless_plain(path) + ": " + base::error_text(error));
}

void check_file(const char* option, const std::string& path) {
  check_directory(option, base::parent_directory(path));
  struct stat status {};
  const bool exists = ::lstat(path.c_str(), &status) == 0;
  if ((exists && S_ISREG(status.st_mode)) || (!exists && errno == ENOENT)) return;
  throw base::StartError(base::ExitStatus::cannot_create,
                         std::string(option) + " " + base::quote_unless_plain(path) + ": " +
                             (exists ? "is not a regular file" : base::error_text(errno)));
}

// Prints a line on standard error before there is a log, or after it.
void print_line(LogFormat format, Severity severity, const char* event, std::string_view line) {
  if (format == LogFormat::text) {
    const std::string label = severity == Severity::warning ? "warning: " : "";
    return cli::print_error("tcpserver", label + std::string(line));
  }
  LogRecord record(format, severity, LogEvent{event}, line);
  Log log;
  log.set_format(format);
  log.write(record);
}

void print_warnings(const ServerCommand& command) {
  for (const auto& warning : command.warnings) {
    print_line(command.options.log_format, Severity::warning, "option_warning", warning);
  }
}

// The answer to --test: all errors on standard error, or the values in effect on standard output. Binds no
// port and opens no file for writing, so it may run beside a live server.
base::ExitStatus show_test(ServerCommand command) {
  const auto& options = command.options;
  const auto format = options.log_format;
  try {
    if (options.daemonize) check_daemonize();
    if (options.user) static_cast<void>(find_account(*options.user));
    if (!options.pid_file.empty()) check_file("--pid-file", options.pid_file);
    if (!options.metrics_file.empty()) check_file("--metrics-file", options.metrics_file);
    if (!options.record.empty()) check_directory("--record", options.record);
  } catch (const base::StartError& error) {
    command.errors.push_back(error);
  }
  print_warnings(command);
  for (const auto& detail : command.details) print_line(format, Severity::info, "option_detail", detail);
  for (const auto& error : command.errors) print_line(format, Severity::error, "option_error", error.what());
  return command.errors.empty() ? cli::show(command.text_to_show) : command.errors.front().status();
}

base::ExitStatus show_status(const ServerCommand& command) {
  cli::need_standard_output();
  print_warnings(command);
  const auto status = find_status(command);
  const auto shown = cli::show(status.text);
  return status.serving ? shown : base::ExitStatus::unavailable;
}

base::ExitStatus run_server(const ServerCommand& command, const ReadCommand& read_again) {
  // Check this before another file can take the number of a closed descriptor.
  const bool output_closed = ::fcntl(STDOUT_FILENO, F_GETFD) < 0;
  if (!base::fill_standard_descriptors()) throw base::system_error("open /dev/null");
  if (!command.options.daemonize) return serve(command, read_again, output_closed, nullptr);
  check_daemonize();
  return run_as_daemon(
      [&](LaunchPipe& launcher) { return serve(command, read_again, output_closed, &launcher); });
}

}  // namespace

}  // namespace tcpserver::server

int main(int argc, char** argv) {
  using namespace tcpserver;
  using namespace tcpserver::server;
  ServerCommand command;
  const char* error_event = "option_error";
  const auto print = [&](std::string_view line) {
    print_line(command.options.log_format, Severity::error, error_event, line);
  };
  const auto run = [&] {
    const auto directory = base::working_directory();
    try {
      parse_server_command(command, argc, argv, environ, directory);
    } catch (const base::StartError&) {
      if (refuse_inetd_connection(print)) return base::ExitStatus::usage;
      throw;
    }
    error_event = command.show_status ? "status_error" : "start_error";
    if (command.test) return show_test(command);
    if (!command.text_to_show.empty()) return cli::show(command.text_to_show);
    if (command.show_status) return show_status(command);
    if (refuse_inetd_connection(print)) return base::ExitStatus::usage;
    return run_server(command, [&] {
      ServerCommand again;
      parse_server_command(again, argc, argv, environ, directory);
      return again;
    });
  };
  return cli::run_and_report(run, print);
}
