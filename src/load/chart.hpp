#pragma once

#include "load/latency_histogram.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace tcpserver::load {

// How the times are spread: a row for each step of a scale on which equal ratios are equal, with a bar as
// long as its count. At most `columns` - 1 wide, at most about 20 rows; nothing where nothing was recorded.
// With `colours` the bars have one (ECMA-48 SGR).
[[nodiscard]] std::vector<std::string> chart(const LatencyHistogram& latencies, std::size_t columns,
                                             bool colours);

}  // namespace tcpserver::load
