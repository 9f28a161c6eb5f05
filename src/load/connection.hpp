#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tcpserver::load {

// One connection of a run. It has no buffers, so that tens of thousands cost next to nothing: what it sends
// and expects is a place in the Pattern.
struct Connection {
  enum class State : std::uint8_t {
    closed,
    exchanging,  // a round: sends its bytes, and wants them back
    ending,      // all came back, and the server's end is to follow
    parked       // held open between two rounds
  };

  base::UniqueFd fd;
  State state = State::closed;
  std::uint64_t number = 0;    // 1 for the first of the run
  std::uint64_t round = 0;     // 0 for the first of the connection
  std::uint64_t sent = 0;      // of this round
  std::uint64_t received = 0;  // of this round
  base::TimePoint began;       // this round; the first one: its connect
  base::TimePoint moved;       // bytes moved last, or this round began
};

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

// What ended a connection before its time.
struct Fault {
  ErrorKind kind;
  int error = 0;         // errno, where a system call said so
  std::uint64_t at = 0;  // wrong_bytes: the byte of the round, counted from 0; closed_early: how many came
  bool surplus = false;  // wrong_bytes: more than was sent so far
  bool other_service = false;  // wrong_bytes: right for the other --service
};

// What a fault's sentence tells beside the fault.
struct Story {
  std::string server;  // "127.0.0.1:54321"
  std::uint64_t size;  // of a round
  base::Duration timeout;
};

// The fault for an errno that socket, bind, connect, send or recv left.
[[nodiscard]] Fault fault_from_errno(int error) noexcept;

// "connection 17: the connection broke: Connection reset by peer": one line.
[[nodiscard]] std::string sentence_of(const Fault& fault, const Connection& connection, const Story& story);

}  // namespace tcpserver::load
