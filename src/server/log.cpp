#include "tcpserver/server/log.hpp"

#include "tcpserver/posix/process.hpp"
#include "tcpserver/server/bounded_text.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdarg>
#include <utility>

namespace tcpserver::server {

namespace {

// A write of up to PIPE_BUF bytes to a pipe is never mixed with those of others (pipe(7)).
constexpr std::size_t longest_line = 1024;
static_assert(longest_line <= PIPE_BUF);
using Line = BoundedText<longest_line>;

Line new_line() noexcept {
  Line line;
  line.append("tcpserver: ");
  return line;
}

bool is_regular_file(int fd) noexcept {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

bool write_line(int fd, Line& line) noexcept {
  line.end_line();
  return ::write(fd, line.c_str(), line.size()) == static_cast<ssize_t>(line.size());
}

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

Log::Log() noexcept
    : own_(posix::open_nonblocking(STDERR_FILENO)),
      fd_(own_ ? own_.get() : STDERR_FILENO),
      never_blocks_(own_ || is_regular_file(STDERR_FILENO)) {}

bool Log::takes_a_line() const noexcept {
  // POLLOUT on a pipe means that PIPE_BUF bytes fit: so even one that could not be opened anew does not
  // block.
  pollfd out{.fd = fd_, .events = POLLOUT, .revents = 0};
  const int ready = ::poll(&out, 1, 0);
  if (ready < 0) return never_blocks_;  // EINVAL: a limit of no open files at all (poll(2))
  return ready == 1 && (out.revents & POLLOUT) != 0;
}

void Log::answer(const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  write(format, arguments, 0);
  va_end(arguments);
}

void Log::warning(const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  write(format, arguments, 0);
  va_end(arguments);
}

void Log::info(const char* format, ...) noexcept {
  if (verbosity_ == options::Verbosity::quiet) return;
  va_list arguments;
  va_start(arguments, format);
  write(format, arguments, 0);
  va_end(arguments);
}

void Log::detail(const char* format, ...) noexcept {
  if (!has_details()) return;
  va_list arguments;
  va_start(arguments, format);
  write(format, arguments, 0);
  va_end(arguments);
}

void Log::limited_warning(RateLimit& limit, const char* format, ...) noexcept {
  if (!limit.allows(posix::Clock::now())) return;
  va_list arguments;
  va_start(arguments, format);
  write(format, arguments, limit.take_held_back());
  va_end(arguments);
}

void Log::write(const char* format, va_list arguments, std::uint64_t held_back) noexcept {
  Line line = new_line();
  line.append_list(format, arguments);
  if (held_back > 0) line.append(" (and %llu more like this)", static_cast<unsigned long long>(held_back));

  if (dropped_ > 0 && takes_a_line()) {
    Line note = new_line();
    note.append("%llu lines of this log were dropped: standard error took nothing",
                static_cast<unsigned long long>(dropped_));
    if (write_line(fd_, note)) dropped_ = 0;
  }
  if (dropped_ > 0 || !takes_a_line() || !write_line(fd_, line)) ++dropped_;
}

}  // namespace tcpserver::server
