#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/server/report/counters.hpp"
#include "tcpserver/server/report/log.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>

// The two lines of the log that each session has: session_open and session_end (tcpserver(8), THE LOG).
namespace tcpserver::server {

// Whose session it is, and since when.
struct SessionFacts {
  base::SocketAddress peer;
  base::SocketAddress local;  // of this connection; port 0 where the log had no details when it was accepted
  base::TimePoint started{};
  bool recorded = false;  // in a file of --record
};

// Asks the connection for its own address where the log wants it.
[[nodiscard]] SessionFacts facts_of(int connection, const base::SocketAddress& peer, const Log& log) noexcept;

struct SessionOutcome {
  SessionEnd end = SessionEnd::client_closed;
  int signal = 0;  // that killed the child
  int error = 0;   // errno, of a session that broke
  ByteCount bytes;
  base::Duration duration{};
  std::optional<std::uint64_t> recorded;  // bytes in the file of --record; nothing: not recorded
};

// Both with --verbose alone.
void say_session_open(Log& log, const SessionFacts& facts, pid_t pid) noexcept;
void say_session_end(Log& log, const SessionFacts& facts, pid_t pid, const SessionOutcome& outcome) noexcept;

}  // namespace tcpserver::server
