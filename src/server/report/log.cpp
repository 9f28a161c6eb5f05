#include "tcpserver/server/report/log.hpp"

#include "tcpserver/base/system_error.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace tcpserver::server {

LogRecord::LogRecord(LogFormat format, Severity severity, const char* event) noexcept
    : format_(format), severity_(severity) {
  is_json() ? begin_json(event) : text_.append("%s", event);
}

LogRecord::LogRecord(LogFormat format, Severity severity, const LogEvent& event,
                     std::string_view message) noexcept
    : format_(format), severity_(severity) {
  if (!is_json()) {
    for (const char c : message) {
      text_.append("%c", static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c);
    }
    return;
  }
  begin_json(event.name);
  for (const auto& field : event.fields) {
    if (field.key == nullptr) break;
    field.text == nullptr ? add(field.key, field.number) : add(field.key, field.text);
  }
  json_.name("message");
  json_.value(message);  // cut where member() would leave it out
}

void LogRecord::begin_json(const char* event) noexcept {
  constexpr const char* levels[] = {"error", "warning", "notice", "info"};  // indexed by Severity
  char now[base::utc_text_size];
  json_.begin_object();
  json_.member("time", base::format_utc(std::chrono::system_clock::now(), now));
  json_.member("level", levels[static_cast<int>(severity_)]);
  json_.member("event", event);
}

void LogRecord::add(const char* key, const char* value) noexcept {
  is_json() ? json_.member(key, value) : text_.append(" %s=%s", key, value);
}

void LogRecord::add(const char* key, std::uint64_t value) noexcept {
  is_json() ? json_.member(key, value) : text_.append(" %s=%llu", key, base::wide(value));
}

void LogRecord::add_seconds(const char* key, base::Duration value) noexcept {
  const auto microseconds = std::chrono::floor<std::chrono::microseconds>(std::max(value, base::Duration{}));
  const double seconds = std::chrono::duration<double>(microseconds).count();
  is_json() ? json_.member(key, seconds, 6) : text_.append(" %s=%.6f", key, seconds);
}

std::string_view LogRecord::finish() noexcept {
  if (is_json()) json_.end_object();
  return {text_.c_str(), text_.size()};
}

bool RateLimit::suppresses(base::TimePoint now) noexcept {
  if (now >= next_) return false;
  ++suppressed_;
  return true;
}

std::optional<std::uint64_t> RateLimit::let_through(base::TimePoint now) noexcept {
  if (suppresses(now)) return std::nullopt;
  next_ = now + interval_;
  return std::exchange(suppressed_, 0);
}

void Log::open_system_log(const char* path) noexcept {
  if (sinks_[1].emplace(path).is_reachable()) return;
  const int error = errno;
  warning({"log_error", {{"errno", base::errno_name(error)}}},
          "syslog: %s; log lines are dropped until it is available", std::strerror(error));
}

void Log::leave_standard_error() noexcept {
  if (has_system_log()) sinks_[0].reset();
}

void Log::notice(const LogEvent& event, const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  write(Severity::notice, event, format, arguments);
  va_end(arguments);
}

void Log::error(const LogEvent& event, const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  write(Severity::error, event, format, arguments);
  va_end(arguments);
}

void Log::warning(const LogEvent& event, const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  write(Severity::warning, event, format, arguments);
  va_end(arguments);
}

void Log::info(const LogEvent& event, const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  write(Severity::info, event, format, arguments);
  va_end(arguments);
}

void Log::limited_warning(RateLimit& limit, const LogEvent& event, const char* format, ...) noexcept {
  const auto held_back = limit.let_through(base::Clock::now());
  if (!held_back) return;
  va_list arguments;
  va_start(arguments, format);
  write(Severity::warning, event, format, arguments, *held_back);
  va_end(arguments);
}

void Log::write(Severity severity, const LogEvent& event, const char* format, va_list arguments,
                std::uint64_t suppressed) noexcept {
  base::BoundedText<1024> text;
  text.append_list(format, arguments);
  if (suppressed > 0) text.append(" (%llu similar messages suppressed)", base::wide(suppressed));
  LogRecord record(format_, severity, event, {text.c_str(), text.size()});
  write(record);
}

void Log::write(LogRecord& record) noexcept {
  if (verbosity_ == Verbosity::quiet && record.severity() == Severity::info) return;
  report_lost();
  const auto line = record.finish();
  for (auto& sink : sinks_) {
    if (!sink || (sink->lost == 0 && sink->put(record.severity(), format_, line))) continue;
    ++sink->lost;
    ++dropped_;
  }
}

void Log::report_lost() noexcept {
  for (auto& sink : sinks_) {
    if (!sink || sink->lost == 0) continue;
    base::BoundedText<128> text;
    text.append("dropped %llu log %s: %s was not writable", base::wide(sink->lost),
                sink->lost == 1 ? "line" : "lines", sink->name());
    LogRecord record(format_, Severity::warning, {"log_lines_dropped", {{"lines", sink->lost}}},
                     {text.c_str(), text.size()});
    if (sink->put(Severity::warning, format_, record.finish())) sink->lost = 0;
  }
}

void Log::after_wait(base::TimePoint now) noexcept {
  if (!due()) {
    interval_ = shortest_interval;
  } else if (now >= next_try_) {
    report_lost();
    next_try_ = now + interval_;
    interval_ = std::min(2 * interval_, longest_interval);
  }
}

std::optional<base::TimePoint> Log::due() const noexcept {
  const bool any_lost =
      std::any_of(sinks_.begin(), sinks_.end(), [](const auto& sink) { return sink && sink->lost > 0; });
  return any_lost ? std::optional(next_try_) : std::nullopt;
}

}  // namespace tcpserver::server
