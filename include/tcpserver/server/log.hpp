#pragma once

#include "tcpserver/options/server_options.hpp"
#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/unique_fd.hpp"

#include <cstdarg>
#include <cstdint>

namespace tcpserver::server {

// Lets one line through per interval and counts the rest, for events that a client can cause at will.
class RateLimit {
 public:
  explicit RateLimit(posix::Duration interval) noexcept : interval_(interval) {}

  [[nodiscard]] bool allows(posix::TimePoint now) noexcept;

  // How many were held back since the last that was let through; the count starts anew.
  [[nodiscard]] std::uint64_t take_held_back() noexcept;

 private:
  posix::Duration interval_;
  posix::TimePoint next_{};
  std::uint64_t held_back_ = 0;
};

// The server's lines on standard error: "tcpserver: ...". Formats on the stack and writes each line with one
// write of at most PIPE_BUF bytes. A reader that stalls stops no client: where standard error takes nothing
// now, the line is dropped, and the count of dropped lines is written when it flows again.
class Log {
 public:
  // Writes to standard error as it is now, through a descriptor of its own that does not block, where there
  // can be one.
  Log() noexcept;

  void set_verbosity(options::Verbosity verbosity) noexcept { verbosity_ = verbosity; }
  [[nodiscard]] bool has_details() const noexcept { return verbosity_ == options::Verbosity::verbose; }

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

 private:
  void write(const char* format, va_list arguments, std::uint64_t held_back) noexcept
      __attribute__((format(printf, 2, 0)));

  [[nodiscard]] bool takes_a_line() const noexcept;

  posix::UniqueFd own_;  // empty: standard error itself
  int fd_;
  bool never_blocks_;
  options::Verbosity verbosity_ = options::Verbosity::normal;
  std::uint64_t dropped_ = 0;
};

}  // namespace tcpserver::server
