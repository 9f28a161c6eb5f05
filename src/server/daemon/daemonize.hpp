#pragma once

#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <functional>
#include <string_view>

namespace tcpserver::server {

// The daemon's end of a pipe to the process that launched it, which waits for the daemon's report and exits
// with the same status.
class LaunchPipe {
 public:
  // Also opens /dev/null, which the server may not be allowed to open later.
  explicit LaunchPipe(base::UniqueFd pipe) noexcept;
  [[nodiscard]] bool is_complete() const noexcept { return static_cast<bool>(null_); }

  // Lets the launching process exit with 0. Redirects the standard descriptors to /dev/null, but keeps
  // standard error if the log goes there. Throws StartError if the launching process was killed, because then
  // the user does not want the server.
  void report_ready(bool keep_standard_error);

  // Lets the launching process print this line and exit with this status.
  void report_failure(base::ExitStatus status, std::string_view line) noexcept;

 private:
  base::UniqueFd pipe_;
  base::UniqueFd null_;
};

// Returns true if this process was started on a terminal that sends SIGHUP when it is closed, and the signal
// is not ignored (nohup(1)). False in a daemon.
[[nodiscard]] bool expects_hangup() noexcept;

// Runs `serve` in a daemon (daemon(7), "SysV Daemons"): fork, setsid, and fork again, so that it can never
// acquire a terminal; working directory /, umask 0. Closes all but the standard descriptors, which stay those
// of the launching process until report_ready(). The daemon exits with the result of `serve`. In the calling
// process, returns when the service is ready; throws the StartError that the daemon reports, or its own
// (status system) if the daemon ended without a report.
[[nodiscard]] base::ExitStatus run_as_daemon(const std::function<base::ExitStatus(LaunchPipe&)>& serve);

}  // namespace tcpserver::server
