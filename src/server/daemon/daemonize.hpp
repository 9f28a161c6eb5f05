#pragma once

#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <functional>

namespace tcpserver::server {

// The process that was started by hand, seen from the daemon that it has forked: it waits until it is told
// how the start went, and ends with that status.
class LaunchPipe {
 public:
  // `pipe`: through which it is told. Opens /dev/null at once, for later the server may have given up the
  // right to.
  explicit LaunchPipe(base::UniqueFd pipe) noexcept;
  [[nodiscard]] bool is_complete() const noexcept { return static_cast<bool>(null_); }

  // The service is ready: the starter ends with status 0. From now on the daemon's standard input and output
  // are /dev/null, and standard error too, unless the log stays there. Throws StartError where the starter
  // was ended meanwhile: whoever did it wants no server.
  void tell_ready(bool keep_standard_error);

  // It ends with this status, after this line.
  void tell_failure(base::ExitStatus status, const char* line) noexcept;

 private:
  base::UniqueFd pipe_;
  base::UniqueFd null_;
};

// Becomes a daemon as daemon(7), "SysV Daemons", has it: fork, setsid, fork, so that it leads no session and
// can never get a terminal; working directory /, umask 0, no descriptor open but the standard ones. These
// stay the starter's until it is told. `serve` runs in the daemon, whose exit status is what it returns. In
// the process that called: returns when it is told that the service is ready, throws the StartError that it
// is told, or one of its own (status system) where the daemon ended without a word.
[[nodiscard]] base::ExitStatus run_as_daemon(const std::function<base::ExitStatus(LaunchPipe&)>& serve);

}  // namespace tcpserver::server
