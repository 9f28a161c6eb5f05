#include "server/daemon/daemonize.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/kernel/process_limit.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

namespace tcpserver::server {

namespace {

using base::ExitStatus;
using base::StartError;
using base::UniqueFd;

// Reads the daemon's report: one byte with the status, then an error message if it failed.
[[nodiscard]] ExitStatus wait_for_report(const UniqueFd& pipe) {
  std::string report;
  std::array<char, 1024> piece;
  for (ssize_t count = 0; (count = base::read_some(pipe.get(), piece.data(), piece.size())) > 0;) {
    report.append(piece.data(), static_cast<std::size_t>(count));
  }
  if (report.empty()) {
    throw StartError(ExitStatus::system, "the daemon ended before it was ready");
  }
  const auto status = static_cast<ExitStatus>(static_cast<unsigned char>(report.front()));
  if (status != ExitStatus::ok) throw StartError(status, report.substr(1));
  return status;
}

// Closes all descriptors but the standard ones and the pipe. Returns the pipe, which may have a new number.
UniqueFd close_others(UniqueFd pipe) noexcept {
  constexpr int first_other = STDERR_FILENO + 1;
  if (pipe.get() != first_other) {
    UniqueFd moved(::dup2(pipe.get(), first_other));
    if (!moved) return pipe;
    pipe = std::move(moved);
  }
  base::close_from(first_other + 1);
  return pipe;
}

[[noreturn]] void run_daemon(UniqueFd pipe, const std::function<ExitStatus(LaunchPipe&)>& serve) {
  LaunchPipe launcher(close_others(std::move(pipe)));
  ExitStatus status = ExitStatus::software;
  try {
    if (!launcher.is_complete()) throw base::system_error("open /dev/null");
    ::umask(0);
    if (::chdir("/") != 0) throw base::system_error("change to the directory /");
    status = serve(launcher);
  } catch (const StartError& error) {
    status = error.status();
    launcher.report_failure(status, error.what());
  } catch (const std::exception& error) {
    launcher.report_failure(status, error.what());
  }
  ::_exit(base::to_int(status));
}

}  // namespace

LaunchPipe::LaunchPipe(UniqueFd pipe) noexcept
    : pipe_(std::move(pipe)), null_(::open("/dev/null", O_RDWR | O_CLOEXEC)) {}

void LaunchPipe::report_ready(bool keep_standard_error) {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fd == STDERR_FILENO && keep_standard_error) continue;
    if (::dup2(null_.get(), fd) < 0) throw base::system_error("redirect a standard descriptor to /dev/null");
  }
  if (!base::write_all(pipe_.get(), {"\0", 1})) {
    throw StartError(ExitStatus::system, "the launching process ended before the daemon was ready");
  }
  pipe_.reset();
  null_.reset();
}

void LaunchPipe::report_failure(ExitStatus status, std::string_view line) noexcept {
  if (!pipe_) return;
  const char first = static_cast<char>(base::to_int(status));
  static_cast<void>(base::write_all(pipe_.get(), {&first, 1}) && base::write_all(pipe_.get(), line));
  pipe_.reset();
}

bool expects_hangup() noexcept {
  struct sigaction present {};
  if (::sigaction(SIGHUP, nullptr, &present) != 0 || present.sa_handler == SIG_IGN) return false;
  // tcgetpgrp fails unless the descriptor is the controlling terminal.
  constexpr std::array standard{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  return std::any_of(standard.begin(), standard.end(), [](int fd) { return ::tcgetpgrp(fd) >= 0; });
}

ExitStatus run_as_daemon(const std::function<ExitStatus(LaunchPipe&)>& serve) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw base::system_error("make a pipe");
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = ::fork();  // not base::fork_child(): the daemon is a whole program
  if (child < 0) throw kernel::fork_error("the daemon");
  if (child > 0) {
    writing.reset();
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    return wait_for_report(reading);
  }
  reading.reset();
  ::setsid();  // cannot fail: a new child is no group leader
  const pid_t daemon = ::fork();
  if (daemon > 0) base::exit_child(0);
  run_daemon(std::move(writing), [&, daemon](LaunchPipe& launcher) {
    if (daemon < 0) throw kernel::fork_error("the daemon");
    return serve(launcher);
  });
}

}  // namespace tcpserver::server
