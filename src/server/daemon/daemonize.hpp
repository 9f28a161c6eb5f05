#pragma once

#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <functional>
#include <string_view>

namespace tcpserver::server {

// The daemon's end of a pipe to the process that launched it. That process waits for the daemon's report and
// exits with the same status.
class LaunchPipe {
 public:
  // Also opens /dev/null, which the server may not be allowed to open later.
  explicit LaunchPipe(base::UniqueFd pipe) noexcept;
  [[nodiscard]] bool is_complete() const noexcept { return static_cast<bool>(null_); }

  // The launching process exits with 0. Replaces the standard descriptors by /dev/null, standard error only
  // if the log is not there. Throws StartError if the launching process was killed: the user wants no server.
  void report_ready(bool keep_standard_error);

  // The launching process prints this line and exits with this status.
  void report_failure(base::ExitStatus status, std::string_view line) noexcept;

 private:
  base::UniqueFd pipe_;
  base::UniqueFd null_;
};

// Runs `serve` in a daemon as daemon(7), "SysV Daemons", describes it: fork, setsid, fork, so that it can
// never get a terminal; working directory /, umask 0, only standard descriptors open, which stay those of the
// launching process until report_ready(). The daemon exits with what `serve` returns. In the calling process,
// returns when the service is ready; throws the StartError that the daemon reports, or one of its own (status
// system) if the daemon ended without a report.
[[nodiscard]] base::ExitStatus run_as_daemon(const std::function<base::ExitStatus(LaunchPipe&)>& serve);

}  // namespace tcpserver::server
