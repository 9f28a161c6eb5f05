#include "tcpserver/server/session/session.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/server/session/session_loop.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

namespace tcpserver::server {

namespace {

// Static: serving allocates nothing.
alignas(4096) std::array<char, echo_buffer_size> echo_buffer;

struct WaitedCalls {
  static constexpr bool may_block = false;
  int connection;
  SessionWaiter& waiter;
  base::Duration idle_timeout;

  [[nodiscard]] long read(char* buffer, std::size_t size) const noexcept {
    return or_failure(::read(connection, buffer, size));
  }
  [[nodiscard]] long write(const char* bytes, std::size_t size) const noexcept {
    return save(connection, bytes, size);
  }
  [[nodiscard]] static long save(int file, const char* bytes, std::size_t size) noexcept {
    return or_failure(::write(file, bytes, size));
  }
  static void set_reset_on_close(bool) noexcept {}  // the iterative server resets by itself

  [[nodiscard]] SessionWaiter::Result wait(short events) const noexcept {
    std::optional<base::TimePoint> deadline;
    if (idle_timeout > base::Duration::zero()) {
      const int parts = events == POLLOUT ? write_waits_per_idle_timeout : 1;
      deadline = base::Clock::now() + idle_timeout / parts;
    }
    return waiter.wait(connection, events, deadline);
  }

 private:
  [[nodiscard]] static long or_failure(ssize_t result) noexcept { return result < 0 ? -errno : result; }
};

}  // namespace

const char* text_of(SessionEnd end) noexcept {
  switch (end) {
    case SessionEnd::client_closed:
      return "client closed";
    case SessionEnd::reset:
      return "reset";
    case SessionEnd::idle_timeout:
      return "idle time-out";
    case SessionEnd::broken:
      return "broken";
    case SessionEnd::sandbox_refused:
      return "sandbox refused";
    case SessionEnd::drained:
      return "drained";
    case SessionEnd::killed:
      return "killed";
    case SessionEnd::seccomp:
      return "killed by seccomp";
  }
  return "unknown";
}

const char* name_of(SessionEnd end) noexcept {
  switch (end) {
    case SessionEnd::client_closed:
      return "client_closed";
    case SessionEnd::reset:
      return "reset";
    case SessionEnd::idle_timeout:
      return "idle_timeout";
    case SessionEnd::broken:
      return "broken";
    case SessionEnd::sandbox_refused:
      return "sandbox_refused";
    case SessionEnd::drained:
      return "drained";
    case SessionEnd::killed:
      return "killed";
    case SessionEnd::seccomp:
      return "seccomp";
  }
  return "unknown";
}

bool reply_is_complete(SessionEnd end, const SessionClaims& claims) noexcept {
  return end == SessionEnd::client_closed || claims.in == claims.out;
}

SessionEnd run_session(int connection, base::Verb verb, SessionRecord& record, SessionWaiter& waiter,
                       base::Duration idle_timeout, RecordingFile recording) noexcept {
  const WaitedCalls calls{.connection = connection, .waiter = waiter, .idle_timeout = idle_timeout};
  return SessionLoop<WaitedCalls>(calls, verb, record, recording).run(echo_buffer.data(), echo_buffer.size());
}

}  // namespace tcpserver::server
