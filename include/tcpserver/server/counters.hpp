#pragma once

#include "tcpserver/server/bounded_text.hpp"
#include "tcpserver/server/session.hpp"

#include <array>
#include <cstdint>

namespace tcpserver::server {

struct ByteCount {
  std::uint64_t in = 0;
  std::uint64_t out = 0;

  void add(const SessionRecord& record) noexcept;
};

// What happened since the start. Kept by the parent alone.
struct Counters {
  std::uint64_t accepted = 0;       // connections that accept returned
  std::uint64_t accept_errors = 0;  // accept calls that failed, but for "nobody is waiting"
  std::uint64_t fork_failures = 0;  // each closed one connection
  ByteCount bytes;                  // of ended sessions
  std::array<std::uint64_t, session_end_count> ended{};  // by SessionEnd

  void count_end(SessionEnd end, const SessionRecord& record) noexcept;
};

// How things stand with the sessions that have not ended.
struct OpenSessions {
  std::uint32_t open = 0;
  std::uint32_t most = 0;
  bool reaped = true;  // false: zombies count as open, for nobody asks how they ended
  ByteCount bytes;     // of theirs, so far
};

// Every figure at its largest, the drops at full queues and the queues of two listeners or more.
using StatusText = BoundedText<960>;

// "3 of 1000 sessions open, 20 accepted, 0 refused, ended: 16 client closed, 1 reset; 0 failed forks, 0
// accept errors; 21 bytes in, 15 out", the bytes of open sessions included. Refused are those that were
// accepted and closed unserved.
[[nodiscard]] StatusText status_text(const Counters& counters, const OpenSessions& sessions) noexcept;

}  // namespace tcpserver::server
