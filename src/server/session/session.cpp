#include "tcpserver/server/session/session.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/server/session/session_loop.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

namespace tcpserver::server {

namespace {

// Static, because serving must not allocate.
alignas(4096) std::array<char, echo_buffer_size> echo_buffer;

long result_or_errno(ssize_t result) noexcept {
  return result < 0 ? -errno : result;
}

struct WaitedCalls {
  static constexpr bool may_block = false;
  SessionWaiter& waiter;
  base::Duration idle_timeout;

  [[nodiscard]] static long read(int fd, char* buffer, std::size_t size) noexcept {
    return result_or_errno(::read(fd, buffer, size));
  }
  [[nodiscard]] static long write(int fd, const char* bytes, std::size_t size) noexcept {
    return result_or_errno(::write(fd, bytes, size));
  }
  static void set_reset_on_close(int, bool) noexcept {}  // the iterative server resets the connection itself

  [[nodiscard]] SessionWaiter::Result wait(int connection, short events) const noexcept {
    std::optional<base::TimePoint> deadline;
    if (idle_timeout > base::Duration::zero()) {
      const int parts = events == POLLOUT ? write_waits_per_idle_timeout : 1;
      deadline = base::Clock::now() + idle_timeout / parts;
    }
    return waiter.wait(connection, events, deadline);
  }
};

constexpr struct {
  const char* name;
  const char* text;
} ends[session_end_count] = {{"client_closed", "closed by client"},
                             {"reset", "reset by client"},
                             {"idle_timeout", "idle timeout"},
                             {"broken", "failed"},
                             {"sandbox_refused", "sandbox refused"},
                             {"drained", "stopped by the server"},
                             {"killed", "killed"},
                             {"seccomp", "killed by seccomp"}};

}  // namespace

const char* to_string(SessionEnd end) noexcept {
  return ends[static_cast<std::size_t>(end)].name;
}

const char* describe(SessionEnd end) noexcept {
  return ends[static_cast<std::size_t>(end)].text;
}

bool reply_is_complete(SessionEnd end, const SessionClaims& claims) noexcept {
  return end == SessionEnd::client_closed || claims.in == claims.out;
}

SessionEnd run_session(int connection, base::Verb verb, SessionRecord& record, SessionWaiter& waiter,
                       base::Duration idle_timeout, RecordingFile recording) noexcept {
  return SessionLoop<WaitedCalls>({waiter, idle_timeout}, connection, verb, record, recording)
      .run(echo_buffer.data(), echo_buffer.size());
}

}  // namespace tcpserver::server
