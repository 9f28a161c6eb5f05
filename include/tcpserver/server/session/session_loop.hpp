#pragma once

#include "tcpserver/base/service.hpp"
#include "tcpserver/server/session/session.hpp"

#include <poll.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tcpserver::server {

// Converts ASCII letters to upper case and keeps all other bytes. Processes eight bytes as lanes of an
// integer, because a small child has neither vector registers nor constants in memory.
inline void to_capitals(char* bytes, std::size_t count) noexcept {
  constexpr std::uint64_t lanes = 0x0101010101010101;
  constexpr std::uint64_t top_bits = 0x80 * lanes;
  const auto capitals = [](std::uint64_t word) {
    const std::uint64_t low = word & ~top_bits;
    // The top bit of a lane is set from 'a' on, and beyond 'z'. No lane carries into the next, because
    // 0x7f + 0x1f < 0x100.
    const std::uint64_t from_a = low + (0x80 - 'a') * lanes;
    const std::uint64_t beyond_z = low + (0x80 - 'z' - 1) * lanes;
    const std::uint64_t letters = from_a & ~beyond_z & ~word & top_bits;
    return word - (letters >> 2);  // 0x80 >> 2 is 'a' - 'A'
  };
  std::uint64_t word = 0;
  while (count >= sizeof word) {
    std::memcpy(&word, bytes, sizeof word);
    word = capitals(word);
    std::memcpy(bytes, &word, sizeof word);
    bytes += sizeof word;
    count -= sizeof word;
  }
  for (; count > 0; --count, ++bytes) {
    *bytes = static_cast<char>(capitals(static_cast<unsigned char>(*bytes)));
  }
}

// Reads and answers until the session ends. `Calls` makes the system calls, with or without libc:
//
// - long read(int, char*, std::size_t) and long write(int, const char*, std::size_t) are like read(2) and
//   write(2), but return a negative errno, because small children do not have the memory of errno.
// - void set_reset_on_close(int, bool) calls base::set_reset_on_close, or does nothing.
// - static constexpr bool may_block is true if calls block until the socket's timeout.
// - SessionWaiter::Result wait(int, short) is called only if calls do not block.
template <typename Calls>
class SessionLoop {
 public:
  SessionLoop(Calls calls, int connection, base::Verb verb, SessionRecord& record,
              RecordingFile recording = {}) noexcept
      : calls_(calls), connection_(connection), verb_(verb), record_(record), file_(recording) {}

  SessionEnd run(char* buffer, std::size_t size) noexcept {
    for (;;) {
      // Wait before each read, even if it would not block. Otherwise a client that never pauses keeps signals
      // pending.
      if (!Calls::may_block && !wait(POLLIN)) return end_;
      const long count = calls_.read(connection_, buffer, size);
      if (count == 0) return SessionEnd::client_closed;
      if (count == -EINTR || (!Calls::may_block && would_block(count))) continue;
      if (count < 0) return end_for(count);
      const auto got = static_cast<std::size_t>(count);
      SessionRecord::add(record_.in, got);
      if (file_.descriptor >= 0) save(buffer, got);
      if (verb_ == base::Verb::upper) to_capitals(buffer, got);
      calls_.set_reset_on_close(connection_, true);
      if (!send_all(buffer, got)) return end_;
      calls_.set_reset_on_close(connection_, false);
    }
  }

 private:
  static bool would_block(long failure) noexcept { return failure == -EAGAIN || failure == -EWOULDBLOCK; }

  SessionEnd end_for(long failure) noexcept {
    if (failure == -ECONNRESET || failure == -EPIPE) return SessionEnd::reset;
    // ETIMEDOUT: TCP_USER_TIMEOUT or keep-alive expired, because the client acknowledged nothing.
    if (would_block(failure) || failure == -ETIMEDOUT) return SessionEnd::idle_timeout;
    record_.error.store(static_cast<int>(-failure), std::memory_order_relaxed);
    return SessionEnd::broken;
  }

  // An error ends the recording, not the session.
  void save(const char* bytes, std::size_t size) noexcept {
    while (size > 0) {
      const auto piece = file_.room < size ? file_.room : size;
      const long saved = piece == 0 ? 0 : calls_.write(file_.descriptor, bytes, piece);
      if (saved == -EINTR) continue;
      if (saved <= 0) {
        record_.recording_error.store(static_cast<int>(-saved), std::memory_order_relaxed);
        file_.descriptor = -1;
        return;
      }
      SessionRecord::add(record_.recorded, static_cast<std::uint64_t>(saved));
      file_.room -= static_cast<std::uint64_t>(saved);
      bytes += saved;
      size -= static_cast<std::size_t>(saved);
    }
  }

  // Writes all bytes. Returns false and sets end_ if the session is over.
  bool send_all(const char* bytes, std::size_t size) noexcept {
    int failed_waits = 0;
    while (size > 0) {
      const long sent = calls_.write(connection_, bytes, size);
      if (sent > 0) {
        failed_waits = 0;
        bytes += sent;
        size -= static_cast<std::size_t>(sent);
        SessionRecord::add(record_.out, static_cast<std::uint64_t>(sent));
      } else if (sent == 0 || would_block(sent)) {
        if (!may_try_again(failed_waits)) return false;
      } else if (sent != -EINTR) {
        end_ = end_for(sent);
        return false;
      }
    }
    return true;
  }

  // Call after a write that could not write any byte. Waits, unless the write itself has waited.
  bool may_try_again(int& failed_waits) noexcept {
    if (!Calls::may_block && wait(POLLOUT)) return true;
    if (!Calls::may_block && end_ == SessionEnd::drained) return false;
    end_ = SessionEnd::idle_timeout;
    // One more try than waits, because space may have become free during the last wait.
    return ++failed_waits <= write_waits_per_idle_timeout;
  }

  bool wait(short events) noexcept {
    if constexpr (!Calls::may_block) {
      const auto result = calls_.wait(connection_, events);
      if (result == SessionWaiter::Result::ready) return true;
      end_ = result == SessionWaiter::Result::stop ? SessionEnd::drained : SessionEnd::idle_timeout;
    }
    return false;
  }

  Calls calls_;
  int connection_;
  base::Verb verb_;
  SessionRecord& record_;
  RecordingFile file_;
  SessionEnd end_ = SessionEnd::client_closed;
};

}  // namespace tcpserver::server
