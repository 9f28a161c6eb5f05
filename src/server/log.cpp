#include "tcpserver/server/log.hpp"

#include "tcpserver/server/bounded_text.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <utility>

namespace tcpserver::server {

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

void Log::open_system_log() noexcept {
  system_log_.emplace();
  if (!system_log_->answers()) {
    warning("the system's log does not answer: %s; lines are lost until it does", std::strerror(errno));
  }
}

void Log::leave_standard_error() noexcept {
  if (system_log_) errors_.reset();
}

void Log::answer(const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  write(Severity::notice, format, arguments);
  va_end(arguments);
}

void Log::warning(const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  write(Severity::warning, format, arguments);
  va_end(arguments);
}

void Log::info(const char* format, ...) noexcept {
  if (verbosity_ == options::Verbosity::quiet) return;
  va_list arguments;
  va_start(arguments, format);
  write(Severity::info, format, arguments);
  va_end(arguments);
}

void Log::detail(const char* format, ...) noexcept {
  if (!has_details()) return;
  va_list arguments;
  va_start(arguments, format);
  write(Severity::info, format, arguments);
  va_end(arguments);
}

void Log::limited_warning(RateLimit& limit, const char* format, ...) noexcept {
  if (!limit.allows(posix::Clock::now())) return;
  va_list arguments;
  va_start(arguments, format);
  write(Severity::warning, format, arguments, limit.take_held_back());
  va_end(arguments);
}

void Log::write(Severity severity, const char* format, va_list arguments, std::uint64_t held_back) noexcept {
  BoundedText<LogSink::longest_line> line;
  line.append_list(format, arguments);
  if (held_back > 0) line.append(" (and %llu more like this)", static_cast<unsigned long long>(held_back));
  if (errors_) errors_->take(severity, {line.c_str(), line.size()});
  if (system_log_) system_log_->take(severity, {line.c_str(), line.size()});
}

}  // namespace tcpserver::server
