#pragma once

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/json.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log_sink.hpp"

#include <array>
#include <concepts>
#include <cstdarg>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tcpserver::server {

// A key of a log line and its value: a text or a number. The key is snake_case, with the unit at its end.
struct LogField {
  LogField() noexcept = default;
  LogField(const char* its_key, const char* its_text) noexcept : key(its_key), text(its_text) {}
  LogField(const char* its_key, std::integral auto its_number) noexcept
      : key(its_key), number(static_cast<std::uint64_t>(its_number)) {}

  const char* key = nullptr;   // null in an unused field
  const char* text = nullptr;  // null in a number
  std::uint64_t number = 0;
};

// The name and the values of a line that has a message. The text log shows only the message, JSON shows all:
//   log.warning({"fork_error", {{"errno", base::errno_name(error)}}}, "fork: %s; ...", std::strerror(error));
//   {..., "event": "fork_error", "errno": "EAGAIN", "message": "fork: Resource temporarily unavailable; ..."}
struct LogEvent {
  const char* name;
  LogField fields[6] = {};
};

// One log line, formatted without allocation. As text it is "EVENT key=value ...", as JSON one object:
//   {"time": "2026-11-27T04:44:21.123456Z", "level": "info", "event": "session_open", "pid": 4711}
// with the time in UTC (RFC 3339). The JSON is valid even if not everything fits.
class LogRecord {
 public:
  LogRecord(LogFormat format, Severity severity, const char* event) noexcept;
  // As text, the line is the message, with "?" for control characters.
  LogRecord(LogFormat format, Severity severity, const LogEvent& event, std::string_view message) noexcept;
  LogRecord(const LogRecord&) = delete;
  LogRecord& operator=(const LogRecord&) = delete;

  // Values contain neither blanks nor control characters.
  void add(const char* key, const char* value) noexcept;
  void add(const char* key, std::uint64_t value) noexcept;
  void add_seconds(const char* key, base::Duration value) noexcept;  // to the microsecond

  // Completes the line and returns it, without a newline. Call once.
  [[nodiscard]] std::string_view finish() noexcept;
  [[nodiscard]] Severity severity() const noexcept { return severity_; }

 private:
  [[nodiscard]] bool is_json() const noexcept { return format_ == LogFormat::json; }
  void begin_json(const char* event) noexcept;

  LogFormat format_;
  Severity severity_;
  base::BoundedText<LogSink::longest_text> text_;
  base::JsonWriter json_{text_};
};

// Lets one line through per interval and counts the rest, for events that clients can cause at any rate.
class RateLimit {
 public:
  explicit RateLimit(base::Duration interval) noexcept : interval_(interval) {}

  // Returns nullopt if this line must be suppressed; otherwise the number of lines suppressed since
  // the last one.
  [[nodiscard]] std::optional<std::uint64_t> let_through(base::TimePoint now) noexcept;

  // Returns true and counts the line if it must be suppressed. Ask first where the line is costly to build;
  // if it returns false, log with this limit.
  [[nodiscard]] bool suppresses(base::TimePoint now) noexcept;

 private:
  base::Duration interval_;
  base::TimePoint next_{};
  std::uint64_t suppressed_ = 0;
};

// The server's log: standard error, the system log, or both. Never waits. Allocates nothing after the start,
// except in set_time().
class Log {
 public:
  // Logs to standard error.
  Log() noexcept { sinks_[0].emplace(); }

  // Adds the system log, and warns if it cannot be reached. The path is not copied.
  void open_system_log(const char* path = "/dev/log") noexcept;
  // Stops logging to standard error if the system log was opened.
  void leave_standard_error() noexcept;
  [[nodiscard]] bool has_system_log() const noexcept { return sinks_[1].has_value(); }

  void set_verbosity(Verbosity verbosity) noexcept { verbosity_ = verbosity; }
  void set_format(LogFormat format) noexcept { format_ = format; }
  // Has an effect on standard error only. May allocate, if the file of the time zone has changed.
  void set_time(LogTime time) noexcept {
    if (sinks_[0]) sinks_[0]->set_time(time);
  }
  // See LogSink::start_new_line().
  void start_new_line() noexcept {
    if (sinks_[0]) sinks_[0]->start_new_line();
  }
  [[nodiscard]] LogFormat format() const noexcept { return format_; }
  // True with --verbose: each session is logged.
  [[nodiscard]] bool has_details() const noexcept { return verbosity_ == Verbosity::verbose; }

  // Always logged: the answer to a signal, warnings, and the error that ends the server.
  void notice(const LogEvent& event, const char* format, ...) noexcept __attribute__((format(printf, 3, 4)));
  void error(const LogEvent& event, const char* format, ...) noexcept __attribute__((format(printf, 3, 4)));
  void warning(const LogEvent& event, const char* format, ...) noexcept __attribute__((format(printf, 3, 4)));

  // Logs the warning unless `limit` suppresses it. A logged warning shows how many were suppressed.
  void limited_warning(RateLimit& limit, const LogEvent& event, const char* format, ...) noexcept
      __attribute__((format(printf, 4, 5)));

  // Not logged with --quiet.
  void info(const LogEvent& event, const char* format, ...) noexcept __attribute__((format(printf, 3, 4)));

  // Records of severity info are not logged with --quiet.
  void write(LogRecord& record) noexcept;

  // The number of lines that a sink has lost since the start.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
  // Reports lost lines when a sink takes lines again. Call after each wait, and wait no longer than due().
  void after_wait(base::TimePoint now) noexcept;
  [[nodiscard]] std::optional<base::TimePoint> due() const noexcept;

 private:
  void write(Severity severity, const LogEvent& event, const char* format, va_list arguments,
             std::uint64_t suppressed = 0) noexcept __attribute__((format(printf, 4, 0)));
  void report_lost() noexcept;

  // The interval between tries to report lost lines. It doubles, because a reader may never return.
  static constexpr base::Duration shortest_interval = std::chrono::seconds(1);
  static constexpr base::Duration longest_interval = std::chrono::minutes(1);

  std::array<std::optional<LogSink>, 2> sinks_;  // standard error, the system log
  LogFormat format_ = LogFormat::text;
  Verbosity verbosity_ = Verbosity::normal;
  std::uint64_t dropped_ = 0;
  base::TimePoint next_try_{};
  base::Duration interval_ = shortest_interval;
};

}  // namespace tcpserver::server
