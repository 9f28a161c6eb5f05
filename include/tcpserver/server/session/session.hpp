#pragma once

#include "tcpserver/server/options.hpp"
#include "tcpserver/server/session/record.hpp"

#include <limits>
#include <optional>

// One client's conversation on one connected socket.
namespace tcpserver::server {

// Why a session ended. The child's exit status has the same value: that is how its parent learns it.
enum class SessionEnd : int {
  client_closed = 0,    // the end of the client's bytes was read, and all of them were answered
  reset = 1,            // the peer went away without a goodbye: ECONNRESET, EPIPE
  idle_timeout = 2,     // no byte moved for the idle time-out
  broken = 3,           // another failure of read or write; its errno is in the record
  sandbox_refused = 4,  // the child could not give up its rights, so it served nobody
  drained = 5,          // ended by the server, which was asked to stop
  killed = 6,           // the child was ended by a signal; never an exit status
  seccomp = 7  // by SIGSYS: it made a call that its sandbox forbids; never an exit status. Strict mode kills
               // by SIGKILL (seccomp(2)), which looks like anybody's
};
inline constexpr std::size_t session_end_count = 8;

// "client_closed", "reset", ... for what programs read: the log's reason, a label of the metrics.
[[nodiscard]] const char* name_of(SessionEnd end) noexcept;

// "client closed", "reset", ... for people.
[[nodiscard]] const char* text_of(SessionEnd end) noexcept;

// True if the session has written everything that it read. If not, the connection should be reset.
[[nodiscard]] bool reply_is_complete(SessionEnd end, const SessionClaims& claims) noexcept;

// A blocked write learns late that its peer reads: Linux wakes it only once a third of the send buffer, up to
// megabytes, is free (sk_stream_write_space). But a new write takes whatever room there is. So a write waits
// for an eighth of the idle time-out, tries anew, and the session is idle after that many vain waits in a row
// and a last try. A client that reads nothing is found out after one to one and a quarter of the time-out:
// the first wait may have begun with some bytes placed, and the last try waits once more.
inline constexpr int write_waits_per_idle_timeout = 8;

// How a session waits if it must not block in read or write: in the iterative server, where one process has
// its client and all signals.
class SessionWaiter {
 public:
  enum class Result { ready, timed_out, stop };

  // Waits until the socket is ready for the poll events, or until the deadline.
  virtual Result wait(int connection, short events, std::optional<base::TimePoint> deadline) noexcept = 0;

 protected:
  ~SessionWaiter() = default;
};

// How much a session reads at most at a time. Large, because bulk transfers then need few system calls, and
// free of charge, because a page of it is no memory until a client sends that much.
inline constexpr std::size_t echo_buffer_size = 256UL * 1024;

// The file that a session is recorded in (--record).
struct RecordingFile {
  std::int32_t descriptor = -1;  // as a child inherits it; -1: nothing is recorded, or no more
  std::int32_t unused = 0;
  std::uint64_t room = 0;  // bytes that it may still take; no_file_limit: any number
};
inline constexpr std::uint64_t no_file_limit = std::numeric_limits<std::uint64_t>::max();

// Serves a non-blocking connection in this process until the session ends; counts into `record`. One at a
// time, because there is one buffer. `idle_timeout` 0 disables the timeout. Children use SessionLoop instead.
[[nodiscard]] SessionEnd run_session(int connection, base::Verb verb, SessionRecord& record,
                                     SessionWaiter& waiter, base::Duration idle_timeout,
                                     RecordingFile recording = {}) noexcept;

}  // namespace tcpserver::server
