#pragma once

#include "load/driver.hpp"
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
[[nodiscard]] Figures compute_figures(const Result& result, const LoadOptions& options);

// A few lines for a reader.
[[nodiscard]] std::vector<std::string> report_lines(const Result& result, const LoadOptions& options);

// One document, on several lines: README, section tcpload, has its keys.
[[nodiscard]] std::string report_json(const Result& result, const LoadOptions& options);

// "[####......] 4512 of 10000 connections, 8104 a second, 0 errors": how far a run is, in one line of so many
// columns.
[[nodiscard]] std::string progress_line(const Result& result, const Script& script,
                                        base::Duration since_start, std::size_t columns);

}  // namespace tcpserver::load
