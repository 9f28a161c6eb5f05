#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log_sink.hpp"

#include <cstdarg>
#include <cstdint>
#include <optional>

namespace tcpserver::server {

// Lets one line through per interval and counts the rest, for events that a client can cause at will.
class RateLimit {
 public:
  explicit RateLimit(base::Duration interval) noexcept : interval_(interval) {}

  [[nodiscard]] bool allows(base::TimePoint now) noexcept;

  // How many were held back since the last that was let through; the count starts anew.
  [[nodiscard]] std::uint64_t take_held_back() noexcept;

 private:
  base::Duration interval_;
  base::TimePoint next_{};
  std::uint64_t held_back_ = 0;
};

// The server's lines, to standard error, the system's log, or both. Formats on the stack; a place that takes
// nothing stops no client (log_sink.hpp).
class Log {
 public:
  // To standard error.
  Log() noexcept { errors_.emplace(); }

  // From now on to the system's log, too; says so on standard error where that is not there.
  void open_system_log() noexcept;
  // From now on to the system's log alone, where that was opened.
  void leave_standard_error() noexcept;

  [[nodiscard]] bool has_system_log() const noexcept { return system_log_.has_value(); }

  void set_verbosity(Verbosity verbosity) noexcept { verbosity_ = verbosity; }
  void set_format(LogFormat format) noexcept;
  [[nodiscard]] LogFormat format() const noexcept { return format_; }
  [[nodiscard]] bool has_details() const noexcept { return verbosity_ == Verbosity::verbose; }

  // What somebody asked for just now, and what is wrong: said in any case.
  void answer(const char* format, ...) noexcept __attribute__((format(printf, 2, 3)));
  void warning(const char* format, ...) noexcept __attribute__((format(printf, 2, 3)));

  // A warning that is held back as `limit` says. One that comes after held-back ones says how many.
  void limited_warning(RateLimit& limit, const char* format, ...) noexcept
      __attribute__((format(printf, 3, 4)));

  // What an operator wants to know: not with --quiet.
  void info(const char* format, ...) noexcept __attribute__((format(printf, 2, 3)));

  // Of each session: with --verbose alone.
  void detail(const char* format, ...) noexcept __attribute__((format(printf, 2, 3)));

  // A line with a shape of its own: begin, add to it, and write it.
  [[nodiscard]] LogRecord begin(Severity severity, std::string_view event) const noexcept {
    return {format_, severity, event};
  }
  void write(LogRecord& record) noexcept;

  // Lines that a place of the log did not take, since the start.
  [[nodiscard]] std::uint64_t dropped() const noexcept;
  // After each wait: says how many, once they are taken again. No wait should be longer than until due().
  void after_wait(base::TimePoint now) noexcept;
  [[nodiscard]] std::optional<base::TimePoint> due() const noexcept;

 private:
  void write(Severity severity, const char* format, va_list arguments, std::uint64_t held_back = 0) noexcept
      __attribute__((format(printf, 3, 0)));

  [[nodiscard]] bool owes_dropped() const noexcept;

  // Where a place takes nothing, how long until the next look whether it flows again: twice as long each
  // time, up to a minute, for it may be that nobody ever reads. Every further line is a look, too.
  static constexpr base::Duration first_between_tries = std::chrono::seconds(1);
  static constexpr base::Duration last_between_tries = std::chrono::minutes(1);

  std::optional<StandardError> errors_;
  std::optional<SystemLog> system_log_;
  LogFormat format_ = LogFormat::text;
  std::uint64_t dropped_before_ = 0;  // by a place that was left
  base::TimePoint next_try_{};        // to say what was dropped
  base::Duration between_tries_ = first_between_tries;
  Verbosity verbosity_ = Verbosity::normal;
};

}  // namespace tcpserver::server
