#pragma once

#include "tcpserver/base/service.hpp"
#include "tcpserver/server/session/capitals.hpp"
#include "tcpserver/server/session/session.hpp"

#include <poll.h>

#include <cerrno>
#include <cstddef>

namespace tcpserver::server {

// The echo itself, over whatever moves the bytes: libc's calls, or system calls that need no libc. `Calls`
// has
//   long read(char*, std::size_t)          like read(2) and write(2), but a failure is the negative errno:
//   long write(const char*, std::size_t)   errno itself is memory that not every child has
//   long save(int file, const char*, std::size_t)   the same, to the file of a recording
//   void set_reset_on_close(bool)          base::set_reset_on_close, or nothing
//   static constexpr bool may_block        true: a call that would block waits, for the socket's time-out
//   SessionWaiter::Result wait(short)      only where it may not
template <typename Calls>
class SessionLoop {
 public:
  SessionLoop(Calls calls, base::Verb verb, SessionRecord& record, RecordingFile recording = {}) noexcept
      : calls_(calls), verb_(verb), record_(record), file_(recording) {}

  SessionEnd run(char* buffer, std::size_t size) noexcept {
    for (;;) {
      // Before each read, not only when one would block: a client that never pauses must not keep signals
      // out.
      if (!Calls::may_block && !wait(POLLIN)) return end_;
      const long count = calls_.read(buffer, size);
      if (count == 0) return SessionEnd::client_closed;
      if (count < 0) {
        if (count == -EINTR) continue;
        if (!would_block(count)) return end_for(count);
        if (Calls::may_block) return SessionEnd::idle_timeout;
        continue;
      }
      const auto got = static_cast<std::size_t>(count);
      SessionRecord::add(record_.in, got);
      if (file_.descriptor >= 0) save(buffer, got);
      if (verb_ == base::Verb::upper) to_capitals(buffer, got);
      calls_.set_reset_on_close(true);
      if (!send_all(buffer, got)) return end_;
      calls_.set_reset_on_close(false);
    }
  }

 private:
  static bool would_block(long failure) noexcept { return failure == -EAGAIN || failure == -EWOULDBLOCK; }

  SessionEnd end_for(long failure) noexcept {
    if (failure == -ECONNRESET || failure == -EPIPE) return SessionEnd::reset;
    // TCP_USER_TIMEOUT or keep-alive expired: the client did not acknowledge data or did not answer.
    if (failure == -ETIMEDOUT) return SessionEnd::idle_timeout;
    record_.error.store(static_cast<int>(-failure), std::memory_order_relaxed);
    return SessionEnd::broken;
  }

  // What does not fit into the file is no matter of the session.
  void save(const char* bytes, std::size_t size) noexcept {
    auto& recording = record_.recording;
    while (size > 0) {
      const auto piece = file_.room < size ? file_.room : size;
      const long saved = piece == 0 ? 0 : calls_.save(file_.descriptor, bytes, piece);
      if (saved == -EINTR) continue;
      if (saved <= 0) {
        recording.error.store(static_cast<int>(-saved), std::memory_order_relaxed);
        file_.descriptor = -1;
        return;
      }
      SessionRecord::add(recording.bytes, static_cast<std::uint64_t>(saved));
      file_.room -= static_cast<std::uint64_t>(saved);
      bytes += saved;
      size -= static_cast<std::size_t>(saved);
    }
  }

  // Writes all of it; false with end_ set where the session is over.
  bool send_all(const char* bytes, std::size_t size) noexcept {
    int vain_waits = 0;
    while (size > 0) {
      const long sent = calls_.write(bytes, size);
      if (sent > 0) {
        vain_waits = 0;
        bytes += sent;
        size -= static_cast<std::size_t>(sent);
        SessionRecord::add(record_.out, static_cast<std::uint64_t>(sent));
      } else if (sent == 0 || would_block(sent)) {
        if (!may_try_again(vain_waits)) return false;
      } else if (sent != -EINTR) {
        end_ = end_for(sent);
        return false;
      }
    }
    return true;
  }

  // After a write that could place nothing. Where calls may block the wait is over already, else it comes
  // now.
  bool may_try_again(int& vain_waits) noexcept {
    if (!Calls::may_block && wait(POLLOUT)) return true;
    if (!Calls::may_block && end_ == SessionEnd::drained) return false;
    end_ = SessionEnd::idle_timeout;
    // One try more than there are waits: the last finds what moved in the last wait.
    return ++vain_waits <= write_waits_per_idle_timeout;
  }

  bool wait(short events) noexcept {
    if constexpr (!Calls::may_block) {
      const auto result = calls_.wait(events);
      if (result == SessionWaiter::Result::ready) return true;
      end_ = result == SessionWaiter::Result::stop ? SessionEnd::drained : SessionEnd::idle_timeout;
    }
    return false;
  }

  Calls calls_;
  base::Verb verb_;
  SessionRecord& record_;
  RecordingFile file_;
  SessionEnd end_ = SessionEnd::client_closed;
};

}  // namespace tcpserver::server
