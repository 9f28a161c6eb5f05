#include "load/report.hpp"

#include <algorithm>

namespace tcpserver::load {

Figures figures_of(const Result& result, const LoadOptions& options) {
  const auto duration = result.opened_after.value_or(result.duration);
  // A run that ended at once has no rate that would mean anything, but JSON has no infinity.
  const double seconds = std::max(std::chrono::duration<double>(duration).count(), 1e-9);
  const auto rate = [seconds](std::uint64_t count) { return static_cast<double>(count) / seconds; };
  const auto good =
      options.mode == LoadMode::hold ? result.latencies.count() : result.connections - result.errors();
  Figures figures{.seconds = seconds,
                  .connections_per_s = rate(good),
                  .round_trips_per_s = std::nullopt,
                  .bytes_per_s = std::nullopt};
  if (options.mode == LoadMode::ping) figures.round_trips_per_s = rate(result.rounds);
  if (options.mode == LoadMode::bulk) figures.bytes_per_s = rate(result.bytes_received);
  return figures;
}

const char* name_of(LoadMode mode) noexcept {
  switch (mode) {
    case LoadMode::connections:
      return "connections";
    case LoadMode::hold:
      return "hold";
    case LoadMode::bulk:
      return "bulk";
    case LoadMode::ping:
      return "ping";
  }
  return "unknown";
}

}  // namespace tcpserver::load
