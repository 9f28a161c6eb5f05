#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/service.hpp"
#include "tcpserver/server/session/record.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

// The session of one client on one connected socket.
namespace tcpserver::server {

// Why a session ended. The exit status of a child.
enum class SessionEnd : int {
  client_closed = 0,    // the client closed, and everything was answered
  reset = 1,            // the client reset the connection: ECONNRESET, EPIPE
  idle_timeout = 2,     // no byte was read or written for the idle timeout
  broken = 3,           // another error of read or write; the record has its errno
  sandbox_refused = 4,  // the child could not enter its sandbox and did not serve
  drained = 5,          // ended by the server because of a stop request
  killed = 6,           // a signal ended the child; never an exit status
  seccomp = 7  // SIGSYS ended the child after a forbidden call; never an exit status. Strict mode uses
               // SIGKILL instead (seccomp(2))
};
inline constexpr std::size_t session_end_count = 8;

// Returns "client_closed", "reset", ... for JSON and metrics.
[[nodiscard]] const char* to_string(SessionEnd end) noexcept;

// "closed by client", "reset by client", ...: for people, after a number.
[[nodiscard]] const char* describe(SessionEnd end) noexcept;

// Returns true if the session has written everything that it read. If not, reset the connection.
[[nodiscard]] bool reply_is_complete(SessionEnd end, const SessionClaims& claims) noexcept;

// A slow reader must not look idle. Linux wakes a blocked write only when a third of the send buffer, up to
// megabytes, is free (sk_stream_write_space), but a new write uses any free space. So a write waits for an
// eighth of the idle timeout and tries again; after eight failed waits and a last try the session is idle. A
// client that reads nothing is disconnected after 1 to 1.25 times the timeout, because the first wait may
// begin after a partial write, and the last try waits once more.
inline constexpr int write_waits_per_idle_timeout = 8;

// How a session waits if read and write must not block: in the iterative server, because the same process
// also handles signals.
class SessionWaiter {
 public:
  enum class Result { ready, timed_out, stop };

  // Waits until the socket is ready for the poll events, or until the deadline.
  virtual Result wait(int connection, short events, std::optional<base::TimePoint> deadline) noexcept = 0;

 protected:
  ~SessionWaiter() = default;
};

// The most bytes per read. Bulk transfers then need few system calls, and unused pages take no memory.
inline constexpr std::size_t echo_buffer_size = 256UL * 1024;

// The file in which a session is recorded (--record).
struct RecordingFile {
  std::int32_t descriptor = -1;  // as a child inherits it; -1 without recording
  std::int32_t unused = 0;
  std::uint64_t room = 0;  // bytes that may still be written, or no_file_limit
};
inline constexpr std::uint64_t no_file_limit = std::numeric_limits<std::uint64_t>::max();

// Serves a non-blocking connection in this process until the session ends, and counts bytes in `record`. Not
// reentrant, because there is one buffer. `idle_timeout` 0 disables the timeout. Children use SessionLoop.
[[nodiscard]] SessionEnd run_session(int connection, base::Verb verb, SessionRecord& record,
                                     SessionWaiter& waiter, base::Duration idle_timeout,
                                     RecordingFile recording = {}) noexcept;

}  // namespace tcpserver::server
