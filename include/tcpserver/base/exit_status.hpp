#pragma once

namespace tcpserver::base {

// Exit statuses of all programs, with the values and meanings of sysexits(3).
enum class ExitStatus : int {
  ok = 0,
  usage = 64,          // EX_USAGE: a bad option, value or argument
  no_input = 66,       // EX_NOINPUT: a configuration file cannot be read
  no_user = 67,        // EX_NOUSER: unknown user or group
  no_host = 68,        // EX_NOHOST: unknown host name
  unavailable = 69,    // EX_UNAVAILABLE: cannot listen, or nothing is listening
  software = 70,       // EX_SOFTWARE: internal error
  system = 71,         // EX_OSERR: out of a system resource (processes, memory, descriptors)
  cannot_create = 73,  // EX_CANTCREAT: the pid file cannot be written or belongs to a running server
  io_error = 74,       // EX_IOERR: a connection or an output failed midway
  temp_fail = 75,      // EX_TEMPFAIL: timed out; may succeed later
  protocol = 76,       // EX_PROTOCOL: the peer sent an unexpected reply
  no_permission = 77,  // EX_NOPERM: permission denied
  config = 78          // EX_CONFIG: a bad line in a configuration file
};

[[nodiscard]] constexpr int to_int(ExitStatus status) noexcept {
  return static_cast<int>(status);
}

}  // namespace tcpserver::base
