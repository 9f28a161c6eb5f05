#include "load/connection.hpp"

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <cerrno>

namespace tcpserver::load {

using base::ExitStatus;

namespace {

std::string of_wrong_bytes(const Fault& fault) {
  if (fault.surplus) return "more came back than was sent, from byte " + std::to_string(fault.at + 1) + " on";
  return "byte " + std::to_string(fault.at + 1) + " of the reply is wrong" +
         (fault.other_service ? " (is it the other --service?)" : "");
}

std::string of_silence(const Fault& fault, const Connection& connection, const Story& story) {
  if (fault.error != 0) return "cannot connect to " + story.server + ": " + base::error_text(fault.error);
  return "timed out: nothing moved for " + base::duration_text(story.timeout) + ", after " +
         std::to_string(connection.received) + " of " + std::to_string(story.size) + " bytes had come back";
}

std::string of_fault(const Fault& fault, const Connection& connection, const Story& story) {
  switch (fault.kind) {
    case ErrorKind::refused:
      return "cannot connect to " + story.server + ": " + base::error_text(fault.error) +
             " (is the server running?)";
    case ErrorKind::timed_out:
      return of_silence(fault, connection, story);
    case ErrorKind::closed_early:
      return "the server closed the connection after " + std::to_string(fault.at) + " of " +
             std::to_string(story.size) + " bytes";
    case ErrorKind::wrong_bytes:
      return of_wrong_bytes(fault);
    case ErrorKind::no_port:
      return "no free port to connect from: " + base::error_text(fault.error) +
             " (--reset leaves none in TIME_WAIT, --sources N has more of them)";
    case ErrorKind::no_descriptor:
      return "cannot open a socket: " + base::error_text(fault.error) +
             " (ulimit -n, or fewer --concurrency)";
    case ErrorKind::reset:
    case ErrorKind::other:
      break;
  }
  return "the connection broke: " + base::error_text(fault.error);
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

}  // namespace

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

Fault fault_from_errno(int error) noexcept {
  return {.kind = kind_of_errno(error), .error = error};
}

std::string sentence_of(const Fault& fault, const Connection& connection, const Story& story) {
  return "connection " + std::to_string(connection.number) + ": " + of_fault(fault, connection, story);
}

}  // namespace tcpserver::load
