#pragma once

namespace tcpserver::base {

// Exit statuses of all programs, with the values and the meaning of sysexits(3).
enum class ExitStatus : int {
  ok = 0,
  usage = 64,          // EX_USAGE: a bad option, value or argument
  no_input = 66,       // EX_NOINPUT: a configuration file cannot be read
  no_user = 67,        // EX_NOUSER: the user or group is not known
  no_host = 68,        // EX_NOHOST: the host name is not known
  unavailable = 69,    // EX_UNAVAILABLE: cannot listen, or nobody listens there
  software = 70,       // EX_SOFTWARE: a fault of our own
  system = 71,         // EX_OSERR: the system refused what we need (fork, memory, descriptors)
  cannot_create = 73,  // EX_CANTCREAT: the pid file cannot be written, or is a running server's
  io_error = 74,       // EX_IOERR: a stream broke in the middle
  temp_fail = 75,      // EX_TEMPFAIL: timed out; may go through later
  protocol = 76,       // EX_PROTOCOL: the peer answered what it must not
  no_permission = 77,  // EX_NOPERM: not allowed to
  config = 78          // EX_CONFIG: a bad line in a configuration file
};

[[nodiscard]] constexpr int to_int(ExitStatus status) noexcept {
  return static_cast<int>(status);
}

}  // namespace tcpserver::base
