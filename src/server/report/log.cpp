#include "tcpserver/server/report/log.hpp"

#include "tcpserver/base/bounded_text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <utility>

namespace tcpserver::server {

namespace {

constexpr std::size_t longest_message = 1024;

}  // namespace

bool RateLimit::allows(base::TimePoint now) noexcept {
  if (now < next_) {
    ++held_back_;
    return false;
  }
  next_ = now + std::chrono::duration_cast<base::Clock::duration>(interval_);
  return true;
}

std::uint64_t RateLimit::take_held_back() noexcept {
  return std::exchange(held_back_, 0);
}

void Log::open_system_log() noexcept {
  system_log_.emplace();
  system_log_->set_format(format_);
  if (!system_log_->answers()) {
    warning("the system's log does not answer: %s; lines are lost until it does", std::strerror(errno));
  }
}

void Log::leave_standard_error() noexcept {
  if (!system_log_ || !errors_) return;
  dropped_before_ += errors_->dropped();
  errors_.reset();
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
  if (verbosity_ == Verbosity::quiet) return;
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
  if (!limit.allows(base::Clock::now())) return;
  va_list arguments;
  va_start(arguments, format);
  write(Severity::warning, format, arguments, limit.take_held_back());
  va_end(arguments);
}

void Log::write(Severity severity, const char* format, va_list arguments, std::uint64_t held_back) noexcept {
  base::BoundedText<longest_message> text;
  text.append_list(format, arguments);
  if (held_back > 0) text.append(" (and %llu more like this)", static_cast<unsigned long long>(held_back));
  LogRecord record(format_, severity, LogRecord::Message{{text.c_str(), text.size()}});
  write(record);
}

void Log::write(LogRecord& record) noexcept {
  const auto line = record.finish();
  if (errors_) errors_->take(record.severity(), line);
  if (system_log_) system_log_->take(record.severity(), line);
}

void Log::set_format(LogFormat format) noexcept {
  format_ = format;
  if (errors_) errors_->set_format(format);
  if (system_log_) system_log_->set_format(format);
}

std::uint64_t Log::dropped() const noexcept {
  return dropped_before_ + (errors_ ? errors_->dropped() : 0) + (system_log_ ? system_log_->dropped() : 0);
}

void Log::after_wait(base::TimePoint now) noexcept {
  if (!owes_dropped()) {
    between_tries_ = first_between_tries;
    return;
  }
  if (now < next_try_) return;
  if (errors_) errors_->tell_dropped();
  if (system_log_) system_log_->tell_dropped();
  next_try_ = now + std::chrono::duration_cast<base::Clock::duration>(between_tries_);
  between_tries_ = std::min<base::Duration>(2 * between_tries_, last_between_tries);
}

bool Log::owes_dropped() const noexcept {
  return (errors_ && errors_->owes_dropped()) || (system_log_ && system_log_->owes_dropped());
}

std::optional<base::TimePoint> Log::due() const noexcept {
  return owes_dropped() ? std::optional(next_try_) : std::nullopt;
}

}  // namespace tcpserver::server
