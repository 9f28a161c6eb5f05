#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/server/listen/listener.hpp"
#include "tcpserver/server/report/counters.hpp"

#include <cstdint>
#include <optional>
#include <span>

// What a monitor collects of a running server: --metrics-file.
namespace tcpserver::server {

// Enough for all figures of 64 listeners, the longest address at each.
using MetricsText = base::BoundedText<std::size_t{48} * 1024>;

struct MetricsFigures {
  const Counters& counters;
  OpenSessions sessions;                 // with their bytes
  std::span<const Listener> listeners;   // none any more: no figures of queues
  std::optional<std::uint64_t> dropped;  // at full queues; nothing: the kernel does not tell
  std::uint64_t log_lines_dropped = 0;
  std::int64_t started_s = 0;  // since 1970
};

// The figures in Prometheus' text format 0.0.4, names and units as its guide for writing exporters has them:
// every counter from the start, at 0 where nothing has happened.
void append_metrics(MetricsText& text, const MetricsFigures& figures) noexcept;

}  // namespace tcpserver::server
