#pragma once

#include "load/options.hpp"
#include "load/result.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::load {

// What a run came to, in figures. All from one place, so that text and JSON say the same.
struct Figures {
  double seconds;                           // of the run; with hold, of opening
  double connections_per_s;                 // without those that failed
  std::optional<double> round_trips_per_s;  // with ping
  std::optional<double> bytes_per_s;        // with bulk: payload that came back, so one direction
};
[[nodiscard]] Figures figures_of(const Result& result, const LoadOptions& options);

// "connections", "hold", "bulk" or "ping".
[[nodiscard]] const char* name_of(LoadMode mode) noexcept;

// A few lines for a reader.
[[nodiscard]] std::vector<std::string> report_lines(const Result& result, const LoadOptions& options);

// One document, on several lines: README, section tcpload, has its keys.
[[nodiscard]] std::string report_json(const Result& result, const LoadOptions& options);

}  // namespace tcpserver::load
