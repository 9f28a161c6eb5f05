#pragma once

#include "tcpserver/base/exit_status.hpp"

#include <array>
#include <cstddef>

namespace tcpserver::load {

// Why a connection failed.
enum class ErrorKind {
  refused,        // nobody listens there
  reset,          // RST: by the server, or for it
  timed_out,      // nothing moved for the time-out, or the system's patience with a connect
  closed_early,   // the end came before the whole reply
  wrong_bytes,    // the reply is not what was expected, or longer
  no_port,        // no free local port to connect from
  no_descriptor,  // no descriptor, of this process or of the system
  other
};

inline constexpr std::array error_kinds{
    ErrorKind::refused,     ErrorKind::reset,   ErrorKind::timed_out,     ErrorKind::closed_early,
    ErrorKind::wrong_bytes, ErrorKind::no_port, ErrorKind::no_descriptor, ErrorKind::other};

[[nodiscard]] constexpr std::size_t index_of(ErrorKind kind) noexcept {
  return static_cast<std::size_t>(kind);
}

// "timed_out", as JSON has it.
[[nodiscard]] const char* name_of(ErrorKind kind) noexcept;

// What a run ends with whose first error is of this kind.
[[nodiscard]] base::ExitStatus exit_status_of(ErrorKind kind) noexcept;

// The kind of an errno that socket, bind, connect, send or recv left.
[[nodiscard]] ErrorKind kind_of_errno(int error) noexcept;

}  // namespace tcpserver::load
