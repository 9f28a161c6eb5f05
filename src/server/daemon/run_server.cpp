#include "tcpserver/server/run_server.hpp"

#include "tcpserver/posix/io.hpp"
#include "tcpserver/posix/system_error.hpp"
#include "tcpserver/server/daemonize.hpp"
#include "tcpserver/server/inherited_sockets.hpp"
#include "tcpserver/server/log.hpp"
#include "tcpserver/server/pid_file.hpp"
#include "tcpserver/server/rights.hpp"
#include "tcpserver/server/signal_window.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <utility>

namespace tcpserver::server {

namespace {

using options::LogTarget;

void open_log(Log& log, const options::ServerCommand& command) {
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
posix::ExitStatus serve(const options::ServerCommand& command, ReadCommand read_again, bool output_closed,
                        Starter* starter) {
  const auto& options = command.options;
  // Before the first line of the log, whose reader may be gone (SIGPIPE), and before anything is opened: a
  // request to stop that comes in the middle of the start is heard at the first wait.
  SignalWindow window;
  Log log;
  open_log(log, command);
  try {
    const auto account = find_the_user(options);
    std::optional<PidFile> pid_file;
    if (!options.pid_file.empty()) say_stale(pid_file.emplace(options.pid_file), log);
    Server server(command, std::move(read_again), window, log);
    switch_user(options, account, log);
    auto kept = server.writable_folders();
    if (pid_file) kept.push_back({KeptFolder::Use::remove, pid_file->folder()});
    drop_privileges(options, kept, log);
    if (pid_file) pid_file->write();
    server.try_outputs();
    server.say_ready(output_closed);
    if (starter != nullptr) starter->tell_ready(!log.has_system_log());
    log.leave_standard_error();
    return server.run();
  } catch (const posix::StartError& error) {
    // On standard error it is said by whoever ends with that status.
    if (log.has_system_log()) {
      log.leave_standard_error();
      log.warning("%s", error.what());
    }
    if (log.format() != options::LogFormat::json || log.has_system_log()) throw;
    // Who reads JSON is told in JSON, and not a second time.
    log.warning("%s", error.what());
    throw posix::StartError(error.status(), "");
  }
}

}  // namespace

posix::ExitStatus run_server(const options::ServerCommand& command, ReadCommand read_again) {
  // First of all, or what is opened next takes the number of a closed one.
  const bool output_closed = ::fcntl(STDOUT_FILENO, F_GETFD) < 0;
  if (!posix::fill_standard_descriptors()) throw posix::system_error("open /dev/null");
  if (!command.options.daemonize) return serve(command, std::move(read_again), output_closed, nullptr);
  if (count_inherited_sockets() > 0) {
    throw posix::StartError(posix::ExitStatus::usage,
                            "--daemonize: the sockets are a service manager's (LISTEN_FDS), which keeps its "
                            "programs in the foreground");
  }
  if (ServiceManager().listens()) {
    throw posix::StartError(posix::ExitStatus::usage,
                            "--daemonize: a service manager waits to hear from this very process "
                            "(NOTIFY_SOCKET), which has to stay in the foreground");
  }
  return run_as_daemon(
      [&](Starter& starter) { return serve(command, std::move(read_again), output_closed, &starter); });
}

}  // namespace tcpserver::server
