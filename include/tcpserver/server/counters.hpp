#pragma once

#include "tcpserver/posix/unique_fd.hpp"
#include "tcpserver/server/bounded_text.hpp"
#include "tcpserver/server/session.hpp"

#include <array>
#include <cstdint>

namespace tcpserver::server {

// Why a client was accepted and reset.
enum class Refusal {
  full,           // as many sessions as --max-connections allows, with --overload refuse
  host_full,      // as many of its host as --max-per-host allows
  no_descriptor,  // descriptors were short, with --overload refuse
  fork_failed     // there was no process for it
};
inline constexpr std::size_t refusal_count = 4;

// "at the limit", "at their host's limit", ...
[[nodiscard]] const char* text_of(Refusal why) noexcept;

struct ByteCount {
  std::uint64_t in = 0;
  std::uint64_t out = 0;

  void add(const SessionRecord& record) noexcept;
};

// What happened since the start. Kept by the parent alone.
struct Counters {
  std::uint64_t accepted = 0;       // connections that accept returned
  std::uint64_t accept_errors = 0;  // accept calls that failed, but for "nobody is waiting"
  std::array<std::uint64_t, refusal_count> refused{};    // accepted and reset unserved, by Refusal
  ByteCount bytes;                                       // of ended sessions
  std::array<std::uint64_t, session_end_count> ended{};  // by SessionEnd

  void count_end(SessionEnd end, const SessionRecord& record) noexcept;

  // Resets this client's connection, and counts it.
  void refuse(posix::UniqueFd connection, Refusal why) noexcept;
  [[nodiscard]] std::uint64_t all_refused() const noexcept;
  [[nodiscard]] std::uint64_t fork_failures() const noexcept;
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

// "3 of 1000 sessions open, 22 accepted, 2 refused (2 at the limit), ended: 16 client closed, 1 reset; 0
// failed forks, 0 accept errors; 21 bytes in, 15 out", the bytes of open sessions included.
[[nodiscard]] StatusText status_text(const Counters& counters, const OpenSessions& sessions) noexcept;

}  // namespace tcpserver::server
