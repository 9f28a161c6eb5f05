#pragma once

#include "load/driver.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace tcpserver::load {

inline constexpr std::size_t report_label_width = 10;

// The report as text. Each line begins with a label of ten columns.
[[nodiscard]] std::vector<std::string> format_report(const Result& result, const LoadOptions& options);

// One JSON document on several lines. tcpload(1) explains its keys.
[[nodiscard]] std::string format_report_json(const Result& result, const LoadOptions& options);

// "[####......] 4512 of 10000 connections, 8104 per second, 0 errors": the progress of a run in one line,
// shorter than `columns` unless they are very few.
[[nodiscard]] std::string format_progress(const Result& result, const LoadOptions& options,
                                          base::Duration since_start, std::size_t columns);

}  // namespace tcpserver::load
