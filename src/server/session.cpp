#include "tcpserver/server/session.hpp"

#include "tcpserver/posix/io.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace tcpserver::server {

namespace {

// Large, because bulk transfers then need few system calls, and free of charge, because a page of it is no
// memory until a client sends that much. Static and not on the heap: a child allocates nothing. A process
// serves one session at a time, so one is enough.
alignas(4096) std::array<char, 256UL * 1024> echo_buffer;

SessionEnd end_for(int error) noexcept {
  return error == ECONNRESET || error == EPIPE ? SessionEnd::reset : SessionEnd::broken;
}

bool would_block(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK;
}

// Nothing while the session goes on.
struct Waited {
  bool ready;
  SessionEnd end;
};

Waited wait_until_ready(SessionWaiter* waiter, int connection, short events) noexcept {
  if (waiter == nullptr) return {false, SessionEnd::idle_timeout};
  switch (waiter->wait(connection, events)) {
    case SessionWaiter::Result::ready:
      return {true, {}};
    case SessionWaiter::Result::timed_out:
      return {false, SessionEnd::idle_timeout};
    case SessionWaiter::Result::stop:
      break;
  }
  return {false, SessionEnd::drained};
}

// Writes all of it, or returns false with the reason.
bool send_all(int connection, const char* bytes, std::size_t size, SessionBytes& count, SessionWaiter* waiter,
              SessionEnd& end) noexcept {
  while (size > 0) {
    const ssize_t sent = ::write(connection, bytes, size);
    if (sent >= 0) {
      bytes += sent;
      size -= static_cast<std::size_t>(sent);
      count.out.fetch_add(static_cast<std::uint64_t>(sent), std::memory_order_relaxed);
    } else if (would_block(errno)) {
      const auto waited = wait_until_ready(waiter, connection, POLLOUT);
      end = waited.end;
      if (!waited.ready) return false;
    } else if (errno != EINTR) {
      end = end_for(errno);
      return false;
    }
  }
  return true;
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
  }
  return "unknown";
}

void to_capitals(char* bytes, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (bytes[i] >= 'a' && bytes[i] <= 'z') bytes[i] = static_cast<char>(bytes[i] - 'a' + 'A');
  }
}

SessionEnd run_session(int connection, options::Service service, SessionBytes& bytes,
                       SessionWaiter* waiter) noexcept {
  for (;;) {
    if (waiter != nullptr) {
      // Before each read, not only when one would block: a client that never pauses must not keep signals
      // out.
      const auto waited = wait_until_ready(waiter, connection, POLLIN);
      if (!waited.ready) return waited.end;
    }
    const ssize_t count = posix::read_some(connection, echo_buffer.data(), echo_buffer.size());
    if (count == 0) return SessionEnd::client_closed;
    if (count < 0) {
      if (!would_block(errno)) return end_for(errno);
      if (waiter == nullptr) return SessionEnd::idle_timeout;
      continue;
    }
    const auto size = static_cast<std::size_t>(count);
    bytes.in.fetch_add(size, std::memory_order_relaxed);
    if (service == options::Service::upper) to_capitals(echo_buffer.data(), size);
    SessionEnd end{};
    if (!send_all(connection, echo_buffer.data(), size, bytes, waiter, end)) return end;
  }
}

}  // namespace tcpserver::server
