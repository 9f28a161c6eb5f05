#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/server/report/counters.hpp"
#include "tcpserver/server/report/log.hpp"
#include "tcpserver/server/report/metrics.hpp"

// The numbers of a running server for people and for readers of JSON.
namespace tcpserver::server {

using ReportLine = base::BoundedText<320>;

// "3 of 1000 sessions open, 22 accepted, 2 refused (2 at --max-connections)", without counts of zero.
[[nodiscard]] ReportLine summarize(const Counters& counters, const OpenSessions& sessions) noexcept;

// Logs a report: "status" (notice) or "stopped" (info). The text log gets a few lines "EVENT: ..." without
// counts of zero. JSON gets one object with every number, and then one object "listen_queue" per listener.
void log_report(Log& log, Severity severity, const char* event, const ServerMetrics& metrics) noexcept;

}  // namespace tcpserver::server
