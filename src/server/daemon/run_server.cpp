#include "server/daemon/run_server.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/signal_window.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/server/confine/privileges.hpp"
#include "tcpserver/server/listen/inherited_sockets.hpp"
#include "tcpserver/server/report/log.hpp"

#include "server/daemon/daemonize.hpp"
#include "server/daemon/pid_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <utility>

namespace tcpserver::server {

namespace {

void open_log(Log& log, const ServerCommand& command) {
  log.set_verbosity(command.options.verbosity);
  log.set_format(command.options.log_format);
  // What is said at the start is on standard error, too: the system's log may not be there yet.
  if (command.options.log_target() == LogTarget::syslog) log.open_system_log();
  for (const auto& warning : command.warnings) log.warning("%s", warning.c_str());
}

void say_stale(const PidFile& pid_file, Log& log) {
  if (const auto pid = pid_file.stale()) {
    log.info("--pid-file: taken over from pid %d, which runs no server with it any more",
             static_cast<int>(*pid));
  }
}

// `starter`: null where it stays in the foreground.
base::ExitStatus serve(const ServerCommand& command, ReadCommand read_again, bool output_closed,
                       LaunchPipe* starter) {
  const auto& options = command.options;
  // Before the first line of the log, whose reader may be gone (SIGPIPE), and before anything is opened: a
  // request to stop that comes in the middle of the start is heard at the first wait.
  base::SignalWindow window;
  Log log;
  open_log(log, command);
  try {
    const auto account = find_the_user(options);
    std::optional<PidFile> pid_file;
    if (!options.pid_file.empty()) say_stale(pid_file.emplace(options.pid_file), log);
    Server server(command, std::move(read_again), window, log);
    switch_user(options, account, log);
    auto kept = server.writable_folders();
    if (pid_file) kept.push_back({WritableDir::Use::remove, pid_file->folder()});
    drop_privileges(options, kept, log);
    if (pid_file) pid_file->write();
    server.try_outputs();
    server.announce(output_closed);
    if (starter != nullptr) starter->tell_ready(!log.has_system_log());
    log.leave_standard_error();
    return server.run();
  } catch (const base::StartError& error) {
    // On standard error it is said by whoever ends with that status.
    if (log.has_system_log()) {
      log.leave_standard_error();
      log.warning("%s", error.what());
    }
    if (log.format() != LogFormat::json || log.has_system_log()) throw;
    // Who reads JSON is told in JSON, and not a second time.
    log.warning("%s", error.what());
    throw base::StartError(error.status(), "");
  }
}

}  // namespace

base::ExitStatus run_server(const ServerCommand& command, ReadCommand read_again) {
  // First of all, or what is opened next takes the number of a closed one.
  const bool output_closed = ::fcntl(STDOUT_FILENO, F_GETFD) < 0;
  if (!base::fill_standard_descriptors()) throw base::system_error("open /dev/null");
  if (!command.options.daemonize) return serve(command, std::move(read_again), output_closed, nullptr);
  if (count_inherited_sockets() > 0) {
    throw base::StartError(base::ExitStatus::usage,
                           "--daemonize: the sockets are a service manager's (LISTEN_FDS), which keeps its "
                           "programs in the foreground");
  }
  if (SystemdNotifier().listens()) {
    throw base::StartError(base::ExitStatus::usage,
                           "--daemonize: a service manager waits to hear from this very process "
                           "(NOTIFY_SOCKET), which has to stay in the foreground");
  }
  return run_as_daemon(
      [&](LaunchPipe& starter) { return serve(command, std::move(read_again), output_closed, &starter); });
}

}  // namespace tcpserver::server
