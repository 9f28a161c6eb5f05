#pragma once

#include "load/options.hpp"

#include <cstdint>
#include <optional>

namespace tcpserver::load {

// What every connection of a run does, and how many there are. The modes of the command line differ in this
// alone.
struct Script {
  std::uint64_t connections;  // in all
  std::uint32_t open;         // at a time, at most
  std::uint32_t busy;         // of these, those that connect or wait for an answer, at most
  std::uint64_t size;         // bytes of a round
  std::uint64_t rounds;       // of each connection
  bool until_end;  // after the last byte "no more" is said (a half-close), and the server's end is wanted
  std::optional<base::Duration> hold;      // between the first round and the second, once all are open
  std::optional<base::Duration> interval;  // from the start of one to the start of the next; nothing: as
                                           // soon as there is a place
  bool timed;                              // rounds have latencies
};

[[nodiscard]] Script script_of(const LoadOptions& options);

}  // namespace tcpserver::load
