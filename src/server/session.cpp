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

bool would_block(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK;
}

class Session {
 public:
  Session(int connection, options::Service service, SessionRecord& record, SessionWaiter* waiter) noexcept
      : connection_(connection), service_(service), record_(record), waiter_(waiter) {}

  SessionEnd run() noexcept {
    for (;;) {
      // Before each read, not only when one would block: a client that never pauses must not keep signals
      // out.
      if (waiter_ != nullptr && !wait(POLLIN)) return end_;
      const ssize_t count = posix::read_some(connection_, echo_buffer.data(), echo_buffer.size());
      if (count == 0) return SessionEnd::client_closed;
      if (count < 0) {
        if (!would_block(errno)) return end_for(errno);
        if (waiter_ == nullptr) return SessionEnd::idle_timeout;
        continue;
      }
      const auto size = static_cast<std::size_t>(count);
      record_.in.fetch_add(size, std::memory_order_relaxed);
      if (service_ == options::Service::upper) to_capitals(echo_buffer.data(), size);
      if (!send_all(echo_buffer.data(), size)) return end_;
    }
  }

 private:
  SessionEnd end_for(int error) noexcept {
    if (error == ECONNRESET || error == EPIPE) return SessionEnd::reset;
    record_.error.store(error, std::memory_order_relaxed);
    return SessionEnd::broken;
  }

  // Writes all of it; false with end_ set where the session is over.
  bool send_all(const char* bytes, std::size_t size) noexcept {
    int vain_waits = 0;
    while (size > 0) {
      const ssize_t sent = ::write(connection_, bytes, size);
      if (sent > 0) {
        vain_waits = 0;
        bytes += sent;
        size -= static_cast<std::size_t>(sent);
        record_.out.fetch_add(static_cast<std::uint64_t>(sent), std::memory_order_relaxed);
      } else if (sent == 0 || would_block(errno)) {
        if (!may_try_again(vain_waits)) return false;
      } else if (errno != EINTR) {
        end_ = end_for(errno);
        return false;
      }
    }
    return true;
  }

  // After a write that could place nothing. Without a waiter the wait is over already, with one it comes now.
  bool may_try_again(int& vain_waits) noexcept {
    if (waiter_ != nullptr && wait(POLLOUT)) return true;
    if (waiter_ != nullptr && end_ == SessionEnd::drained) return false;
    end_ = SessionEnd::idle_timeout;
    // One try more than there are waits: the last finds what moved in the last wait.
    return ++vain_waits <= write_waits_per_idle_timeout;
  }

  bool wait(short events) noexcept {
    const auto result = waiter_->wait(connection_, events);
    if (result == SessionWaiter::Result::ready) return true;
    end_ = result == SessionWaiter::Result::stop ? SessionEnd::drained : SessionEnd::idle_timeout;
    return false;
  }

  int connection_;
  options::Service service_;
  SessionRecord& record_;
  SessionWaiter* waiter_;
  SessionEnd end_ = SessionEnd::client_closed;
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
  }
  return "unknown";
}

void to_capitals(char* bytes, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (bytes[i] >= 'a' && bytes[i] <= 'z') bytes[i] = static_cast<char>(bytes[i] - 'a' + 'A');
  }
}

SessionEnd run_session(int connection, options::Service service, SessionRecord& record,
                       SessionWaiter* waiter) noexcept {
  return Session(connection, service, record, waiter).run();
}

}  // namespace tcpserver::server
