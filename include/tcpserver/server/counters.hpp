#pragma once

#include "tcpserver/server/session.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace tcpserver::server {

// What happened since the start. Kept by the parent alone.
struct Counters {
  std::uint64_t accepted = 0;       // connections that accept returned
  std::uint64_t accept_errors = 0;  // without "none is waiting" and interruptions
  std::uint64_t fork_failures = 0;  // each closed one connection
  std::uint64_t bytes_in = 0;       // of ended sessions
  std::uint64_t bytes_out = 0;
  std::array<std::uint64_t, session_end_count> ended{};  // by SessionEnd

  void count_end(SessionEnd end, const SessionBytes& bytes) noexcept;
};

// "3 of 1000 sessions open, 20 accepted, 17 ended (client closed 16, reset 1), ...".
[[nodiscard]] std::string status_text(const Counters& counters, std::uint32_t open, std::uint32_t most);

}  // namespace tcpserver::server
