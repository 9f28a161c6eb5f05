#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/server/report/counters.hpp"
#include "tcpserver/server/report/log.hpp"
#include "tcpserver/server/report/recorder.hpp"
#include "tcpserver/server/session/session.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>

namespace tcpserver::server {

// A session's addresses and its start.
struct SessionFacts {
  base::SocketAddress peer;
  base::SocketAddress local;  // the server's address; port 0 if it was not logged at the start
  base::TimePoint started{};
  std::optional<RecordingTime> recording{};  // nullopt if the session is not recorded (--record)
};

// Reports single sessions: log lines, counters, recordings. One object per process.
class SessionReporter {
 public:
  // `recorder` is null without --record. All must outlive this object.
  SessionReporter(Log& log, Counters& counters, Recorder* recorder) noexcept
      : log_(log), counters_(counters), recorder_(recorder) {}

  // Reads the connection's own address if the log needs it.
  [[nodiscard]] SessionFacts describe(int connection, const base::SocketAddress& peer) const noexcept;

  // Creates the file for this session and sets facts.recording. Returns an empty descriptor without --record
  // or after a failure, which is logged.
  [[nodiscard]] base::UniqueFd open_recording(SessionFacts& facts) noexcept;
  [[nodiscard]] RecordingFile recording_in(const base::UniqueFd& file) const noexcept;
  // Removes the file again if the session could not start.
  void discard_recording(const SessionFacts& facts) noexcept;

  void begin(const SessionFacts& facts, pid_t pid) noexcept;
  // `signal` is the one that killed the child, or 0. `acknowledged` are the bytes that the client's kernel
  // had acknowledged before a forced end; nullopt if unknown.
  void end(const SessionFacts& facts, pid_t pid, SessionEnd end, int signal, const SessionClaims& claims,
           std::optional<std::uint64_t> acknowledged = {}) noexcept;

 private:
  void warn_about(SessionEnd end, const SessionFacts& facts, pid_t pid, int signal, int error) noexcept;

  Log& log_;
  Counters& counters_;
  Recorder* recorder_;
  RateLimit unexpected_ends_{std::chrono::seconds(1)};
};

}  // namespace tcpserver::server
