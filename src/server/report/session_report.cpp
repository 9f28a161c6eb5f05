#include "tcpserver/server/report/session_report.hpp"

#include "tcpserver/base/signals.hpp"
#include "tcpserver/base/system_error.hpp"

#include <sys/socket.h>

#include <cstring>

namespace tcpserver::server {

namespace {

void add_session(LogRecord& record, const SessionFacts& facts, pid_t pid) noexcept {
  char text[base::SocketAddress::text_size];
  record.add("peer", facts.peer.format(text));
  if (facts.local.port() != 0) record.add("local", facts.local.format(text));
  record.add("pid", static_cast<std::uint64_t>(pid));
}

}  // namespace

SessionFacts SessionReporter::describe(int connection, const base::SocketAddress& peer) const noexcept {
  SessionFacts facts{.peer = peer, .local = {}, .started = base::Clock::now()};
  if (!log_.has_details()) return facts;
  base::SocketAddress local;
  socklen_t size = base::SocketAddress::storage_size;
  if (::getsockname(connection, local.storage(), &size) == 0) facts.local = local.unmapped();
  return facts;
}

base::UniqueFd SessionReporter::open_recording(SessionFacts& facts) noexcept {
  if (recorder_ == nullptr) return {};
  auto [file, time] = recorder_->begin(facts.peer);
  if (file) facts.recording = time;
  return std::move(file);
}

RecordingFile SessionReporter::recording_in(const base::UniqueFd& file) const noexcept {
  return file ? recorder_->recording_in(file.get()) : RecordingFile{};
}

void SessionReporter::discard_recording(const SessionFacts& facts) noexcept {
  if (facts.recording) recorder_->remove_if_empty(facts.peer, *facts.recording);
}

void SessionReporter::begin(const SessionFacts& facts, pid_t pid) noexcept {
  if (!log_.has_details()) return;
  LogRecord record(log_.format(), Severity::info, "session_open");
  add_session(record, facts, pid);
  log_.write(record);
}

void SessionReporter::end(const SessionFacts& facts, pid_t pid, SessionEnd end, int signal,
                          const SessionClaims& claims, std::optional<std::uint64_t> acknowledged) noexcept {
  const auto duration = base::Clock::now() - facts.started;
  const int error = end == SessionEnd::broken ? claims.error : 0;
  if (facts.recording) recorder_->end(facts.peer, *facts.recording, claims);
  warn_about(end, facts, pid, signal, error);
  counters_.count_end(end, {.in = claims.in, .out = claims.out}, duration);
  if (!log_.has_details()) return;
  LogRecord record(log_.format(), Severity::info, "session_end");
  add_session(record, facts, pid);
  record.add("bytes_in", claims.in);
  record.add("bytes_out", claims.out);
  record.add_seconds("duration_s", duration);
  record.add("reason", to_string(end));
  if (signal != 0) record.add("signal", base::signal_name(signal));
  if (error != 0) record.add("errno", base::errno_name(error));
  if (facts.recording) record.add("bytes_recorded", claims.recorded);
  if (acknowledged) record.add("bytes_acked", *acknowledged);
  log_.write(record);
}

// Warns about ends that neither the client nor the server's options explain.
void SessionReporter::warn_about(SessionEnd end, const SessionFacts& facts, pid_t pid, int signal,
                                 int error) noexcept {
  char peer[base::SocketAddress::text_size];
  facts.peer.format(peer);
  const auto warn = [&](const char* what, const char* why) {
    log_.limited_warning(unexpected_ends_,
                         {"session_error", {{"peer", peer}, {"pid", pid}, {"reason", to_string(end)}}},
                         "session %s (pid %d): %s%s", peer, static_cast<int>(pid), what, why);
  };
  if (end == SessionEnd::killed) warn("killed by ", base::signal_name(signal));
  if (end == SessionEnd::broken) warn("failed: ", std::strerror(error));
  if (end == SessionEnd::seccomp) warn("killed by the sandbox after a forbidden system call (SIGSYS)", "");
  if (end == SessionEnd::sandbox_refused)
    warn("could not enter the sandbox; connection closed without service", "");
}

}  // namespace tcpserver::server
