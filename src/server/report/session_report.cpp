#include "tcpserver/server/report/session_report.hpp"

#include "tcpserver/base/signals.hpp"
#include "tcpserver/base/system_error.hpp"

#include <sys/socket.h>

namespace tcpserver::server {

namespace {

LogRecord begin_with(Log& log, const char* event, const SessionFacts& facts, pid_t pid) noexcept {
  auto record = log.begin(Severity::info, event);
  char text[base::SocketAddress::text_size];
  record.add("peer", facts.peer.format(text));
  if (facts.local.port() != 0) record.add("local", facts.local.format(text));
  record.add("pid", static_cast<std::uint64_t>(pid));
  return record;
}

}  // namespace

SessionFacts facts_of(int connection, const base::SocketAddress& peer, const Log& log) noexcept {
  SessionFacts facts{.peer = peer, .local = {}, .started = base::Clock::now(), .recorded = false};
  if (!log.has_details()) return facts;
  base::SocketAddress local;
  socklen_t size = base::SocketAddress::storage_size;
  if (::getsockname(connection, local.storage(), &size) == 0) facts.local = local.unmapped();
  return facts;
}

void say_session_open(Log& log, const SessionFacts& facts, pid_t pid) noexcept {
  if (!log.has_details()) return;
  auto record = begin_with(log, "session_open", facts, pid);
  log.write(record);
}

void say_session_end(Log& log, const SessionFacts& facts, pid_t pid, const SessionOutcome& outcome) noexcept {
  if (!log.has_details()) return;
  auto record = begin_with(log, "session_end", facts, pid);
  record.add("bytes_in", outcome.bytes.in);
  record.add("bytes_out", outcome.bytes.out);
  record.add_seconds("duration_s", outcome.duration);
  record.add("reason", name_of(outcome.end));
  if (outcome.signal != 0) record.add("signal", base::signal_name(outcome.signal));
  if (outcome.error != 0) record.add("errno", base::errno_name(outcome.error));
  if (outcome.recorded) record.add("bytes_recorded", *outcome.recorded);
  log.write(record);
}

}  // namespace tcpserver::server
