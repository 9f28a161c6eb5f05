#include "tcpserver/server/session/session.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/server/session/session_loop.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

namespace tcpserver::server {

namespace {

// Static and not on the heap: a child allocates nothing. Small children have one of their own.
alignas(4096) std::array<char, echo_buffer_size> echo_buffer;

// By libc.
struct LibcCalls {
  int connection;

  [[nodiscard]] long read(char* buffer, std::size_t size) const noexcept {
    return or_failure(::read(connection, buffer, size));
  }
  [[nodiscard]] long write(const char* bytes, std::size_t size) const noexcept {
    return or_failure(::write(connection, bytes, size));
  }
  [[nodiscard]] static long save(int file, const char* bytes, std::size_t size) noexcept {
    return or_failure(::write(file, bytes, size));
  }

 private:
  [[nodiscard]] static long or_failure(ssize_t result) noexcept { return result < 0 ? -errno : result; }
};

struct BlockingCalls : LibcCalls {
  static constexpr bool may_block = true;
  bool resets;

  // Only in the middle of a reply: a reset discards what the client has not acknowledged, of complete replies
  // too.
  void set_reset_on_close(bool on) const noexcept {
    if (resets) static_cast<void>(base::set_reset_on_close(connection, on));
  }
};

struct WaitedCalls : LibcCalls {
  static constexpr bool may_block = false;
  SessionWaiter& waiter;

  static void set_reset_on_close(bool) noexcept {}  // the iterative server resets by itself

  SessionWaiter::Result wait(short events) const noexcept { return waiter.wait(connection, events); }
};

template <typename Calls>
SessionEnd serve(Calls calls, cli::Service service, SessionRecord& record, RecordingFile recording) noexcept {
  return SessionLoop<Calls>(calls, service, record, recording).run(echo_buffer.data(), echo_buffer.size());
}

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

SessionEnd run_session(int connection, cli::Service service, SessionRecord& record, SessionWaiter* waiter,
                       RecordingFile recording, bool resets) noexcept {
  if (waiter == nullptr) return serve(BlockingCalls{{connection}, resets}, service, record, recording);
  return serve(WaitedCalls{{connection}, *waiter}, service, record, recording);
}

}  // namespace tcpserver::server
