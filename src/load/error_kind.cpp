#include "load/error_kind.hpp"

#include <cerrno>

namespace tcpserver::load {

using base::ExitStatus;

const char* name_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::refused:
      return "refused";
    case ErrorKind::reset:
      return "reset";
    case ErrorKind::timed_out:
      return "timed_out";
    case ErrorKind::closed_early:
      return "closed_early";
    case ErrorKind::wrong_bytes:
      return "wrong_bytes";
    case ErrorKind::no_port:
      return "no_port";
    case ErrorKind::no_descriptor:
      return "no_descriptor";
    case ErrorKind::other:
      return "other";
  }
  return "unknown";
}

ExitStatus exit_status_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::refused:
      return ExitStatus::unavailable;
    case ErrorKind::reset:
    case ErrorKind::closed_early:
    case ErrorKind::other:
      return ExitStatus::io_error;
    case ErrorKind::timed_out:
      return ExitStatus::temp_fail;
    case ErrorKind::wrong_bytes:
      return ExitStatus::protocol;
    case ErrorKind::no_port:
    case ErrorKind::no_descriptor:
      return ExitStatus::system;
  }
  return ExitStatus::software;
}

ErrorKind kind_of_errno(int error) noexcept {
  switch (error) {
    case ECONNREFUSED:
      return ErrorKind::refused;
    case ECONNRESET:
    case EPIPE:
      return ErrorKind::reset;
    case ETIMEDOUT:
      return ErrorKind::timed_out;
    case EADDRNOTAVAIL:
    case EADDRINUSE:
      return ErrorKind::no_port;
    case EMFILE:
    case ENFILE:
      return ErrorKind::no_descriptor;
    default:
      return ErrorKind::other;
  }
}

}  // namespace tcpserver::load
