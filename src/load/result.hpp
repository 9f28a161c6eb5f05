#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/client/connection_engine.hpp"

#include "load/latency_histogram.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

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

struct ErrorKindFacts {
  ErrorKind kind;
  const char* name;              // as JSON has it
  base::ExitStatus exit_status;  // of a run whose first error is of this kind
};
inline constexpr std::array<ErrorKindFacts, 8> error_kinds{{
    {ErrorKind::refused, "refused", base::ExitStatus::unavailable},
    {ErrorKind::reset, "reset", base::ExitStatus::io_error},
    {ErrorKind::timed_out, "timed_out", base::ExitStatus::temp_fail},
    {ErrorKind::closed_early, "closed_early", base::ExitStatus::io_error},
    {ErrorKind::wrong_bytes, "wrong_bytes", base::ExitStatus::protocol},
    {ErrorKind::no_port, "no_port", base::ExitStatus::system},
    {ErrorKind::no_descriptor, "no_descriptor", base::ExitStatus::system},
    {ErrorKind::other, "other", base::ExitStatus::io_error},
}};

[[nodiscard]] constexpr std::size_t index_of(ErrorKind kind) noexcept {
  return static_cast<std::size_t>(kind);
}

[[nodiscard]] ErrorKind find_kind(const client::Fault& fault) noexcept;

struct FirstError {
  ErrorKind kind;
  std::string sentence;
};

// What was seen of a run, at its end or until now.
struct Result {
  std::string server{};           // "127.0.0.1:54321", the address that was used
  std::uint64_t connections = 0;  // that were started and have ended, well or not
  std::array<std::uint64_t, error_kinds.size()> errors_by_kind{};
  std::optional<FirstError> first_error{};
  std::uint64_t rounds = 0;  // that were answered, byte for byte
  std::uint64_t held = 0;  // with hold: connections that were open and answered; at the end, that still were
  std::uint64_t unfinished = 0;  // open when the run was stopped by a signal: neither well nor errors
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  base::Duration duration{};                     // from the first connect to the last end
  std::optional<base::Duration> opened_after{};  // with hold: until all were open
  base::Duration processor_time{};               // of this process, its own and the kernel's for it
  LatencyHistogram latencies{};
  bool stalled = false;  // nothing moved for the time-out, and the run was given up
  int signal = 0;        // SIGINT or SIGTERM that stopped it; 0: none

  [[nodiscard]] std::uint64_t errors() const noexcept {
    std::uint64_t sum = 0;
    for (const auto count : errors_by_kind) sum += count;
    return sum;
  }
};

}  // namespace tcpserver::load
