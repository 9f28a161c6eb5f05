#include "tcpserver/server/log.hpp"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <utility>

namespace tcpserver::server {

namespace {

constexpr char prefix[] = "tcpserver: ";
// A write of up to PIPE_BUF bytes to a pipe is never mixed with those of others (pipe(7)).
constexpr std::size_t longest_line = 1024;
static_assert(longest_line <= _POSIX_PIPE_BUF * 2 && longest_line <= PIPE_BUF);

// Builds "tcpserver: TEXT (NOTE)\n" in place.
class Line {
 public:
  Line() noexcept { append("%s", prefix); }

  void append(const char* format, ...) noexcept __attribute__((format(printf, 2, 3))) {
    va_list arguments;
    va_start(arguments, format);
    append_list(format, arguments);
    va_end(arguments);
  }

  void append_list(const char* format, va_list arguments) noexcept {
    const std::size_t room = sizeof text_ - 1 - size_;  // the newline has its place
    const int wanted = std::vsnprintf(text_ + size_, room, format, arguments);
    if (wanted > 0) size_ += std::min(static_cast<std::size_t>(wanted), room - 1);
  }

  [[nodiscard]] std::size_t finish() noexcept {
    text_[size_] = '\n';
    return size_ + 1;
  }
  [[nodiscard]] const char* text() const noexcept { return text_; }

 private:
  char text_[longest_line];
  std::size_t size_ = 0;
};

}  // namespace

bool RateLimit::allows(posix::TimePoint now) noexcept {
  if (now < next_) {
    ++held_back_;
    return false;
  }
  next_ = now + std::chrono::duration_cast<posix::Clock::duration>(interval_);
  return true;
}

std::uint64_t RateLimit::take_held_back() noexcept {
  return std::exchange(held_back_, 0);
}

void Log::line(const char* format, ...) noexcept {
  Line line;
  va_list arguments;
  va_start(arguments, format);
  line.append_list(format, arguments);
  va_end(arguments);
  const std::size_t size = line.finish();
  write(line.text(), size);
}

void Log::limited_line(RateLimit& limit, const char* format, ...) noexcept {
  if (!limit.allows(posix::Clock::now())) return;
  Line line;
  va_list arguments;
  va_start(arguments, format);
  line.append_list(format, arguments);
  va_end(arguments);
  if (const auto held_back = limit.take_held_back(); held_back > 0) {
    line.append(" (and %llu more like this)", static_cast<unsigned long long>(held_back));
  }
  const std::size_t size = line.finish();
  write(line.text(), size);
}

void Log::write(const char* text, std::size_t size) noexcept {
  // POLLOUT on a pipe means that PIPE_BUF bytes fit, so the write does not block.
  pollfd out{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (::poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0) {
    ++dropped_;
    return;
  }
  if (dropped_ > 0) {
    Line line;
    line.append("%llu lines of this log were dropped: standard error took nothing",
                static_cast<unsigned long long>(dropped_));
    const std::size_t note_size = line.finish();
    if (::write(STDERR_FILENO, line.text(), note_size) < 0) return;
    dropped_ = 0;
    write(text, size);
    return;
  }
  if (::write(STDERR_FILENO, text, size) < 0) ++dropped_;
}

}  // namespace tcpserver::server
