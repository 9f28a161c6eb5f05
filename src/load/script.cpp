#include "load/script.hpp"

#include <algorithm>

namespace tcpserver::load {

namespace {

// Of many that are to be held open no more are under way than a short listen queue has room for.
constexpr std::uint32_t most_busy_with_hold = 64;

}  // namespace

Script script_of(const LoadOptions& options) {
  const bool hold = options.mode == LoadMode::hold;
  Script script{.connections = options.connections,
                .open = options.concurrency,
                .busy = hold ? std::min(options.concurrency, most_busy_with_hold) : options.concurrency,
                .size = options.size,
                .rounds = hold ? 2 : options.round_trips,
                .until_end = options.mode == LoadMode::bulk,
                .hold = std::nullopt,
                .interval = std::nullopt,
                .timed = options.mode != LoadMode::bulk};
  if (hold) script.hold = options.hold;
  if (options.rate) {
    const std::chrono::duration<double> seconds(1 / *options.rate);
    script.interval = std::chrono::duration_cast<base::Duration>(seconds);
  }
  return script;
}

}  // namespace tcpserver::load
