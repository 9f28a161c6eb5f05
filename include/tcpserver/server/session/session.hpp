#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/service.hpp"
#include "tcpserver/server/session/record.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

// One client's conversation on one connected socket.
namespace tcpserver::server {

// Why a session ended. A child exits with this value, which tells its parent.
enum class SessionEnd : int {
  client_closed = 0,    // all of the client's bytes were read and answered
  reset = 1,            // the client reset the connection: ECONNRESET, EPIPE
  idle_timeout = 2,     // no byte moved for the idle timeout
  broken = 3,           // another failure of read or write; its errno is in the record
  sandbox_refused = 4,  // the child could not enter its sandbox, so it served nobody
  drained = 5,          // ended by the server, which was asked to stop
  killed = 6,           // a signal ended the child; never an exit status
  seccomp = 7  // SIGSYS, for a call that the sandbox forbids; never an exit status. Strict mode kills by
               // SIGKILL instead (seccomp(2))
};
inline constexpr std::size_t session_end_count = 8;

// "client_closed", "reset", ... for programs: the log's reason, a label of the metrics.
[[nodiscard]] const char* name_of(SessionEnd end) noexcept;

// "client closed", "reset", ... for people.
[[nodiscard]] const char* text_of(SessionEnd end) noexcept;

// True if the session has written everything that it read. If not, the connection should be reset.
[[nodiscard]] bool reply_is_complete(SessionEnd end, const SessionClaims& claims) noexcept;

// A blocked write learns late that its peer reads: Linux wakes it only once a third of the send buffer, up to
// megabytes, is free (sk_stream_write_space). But a new write uses any free room. So a write waits for an
// eighth of the idle timeout and tries again; after eight failed waits and a last try the session is idle. A
// client that reads nothing is disconnected after 1 to 1.25 times the timeout, because the first wait may
// have begun with some bytes placed, and the last try waits once more.
inline constexpr int write_waits_per_idle_timeout = 8;

// How a session waits if it must not block in read or write: in the iterative server, whose one process also
// handles the signals.
class SessionWaiter {
 public:
  enum class Result { ready, timed_out, stop };

  // Waits until the socket is ready for the poll events, or until the deadline.
  virtual Result wait(int connection, short events, std::optional<base::TimePoint> deadline) noexcept = 0;

 protected:
  ~SessionWaiter() = default;
};

// The most that a session reads at a time. Bulk transfers need few system calls, and pages that no client
// fills cost no memory.
inline constexpr std::size_t echo_buffer_size = 256UL * 1024;

// The file that a session is recorded in (--record).
struct RecordingFile {
  std::int32_t descriptor = -1;  // as a child inherits it; -1: nothing is recorded
  std::int32_t unused = 0;
  std::uint64_t room = 0;  // bytes that it may still take, or no_file_limit
};
inline constexpr std::uint64_t no_file_limit = std::numeric_limits<std::uint64_t>::max();

// Serves a non-blocking connection in this process until the session ends; counts into `record`. One at a
// time, because there is one buffer. `idle_timeout` 0 disables the timeout. Children use SessionLoop instead.
[[nodiscard]] SessionEnd run_session(int connection, base::Verb verb, SessionRecord& record,
                                     SessionWaiter& waiter, base::Duration idle_timeout,
                                     RecordingFile recording = {}) noexcept;

}  // namespace tcpserver::server
