#pragma once

#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/report/log_record.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

// The places that lines of the log go to. None of them ever makes the server wait or allocates.
namespace tcpserver::server {

// Takes lines as they come. Where nothing is taken now, a line is dropped, and the number of dropped ones is
// written when it flows again.
class LogSink {
 public:
  // The newline and all that is added included.
  static constexpr std::size_t longest_line = LogRecord::capacity + 64;

  void set_format(LogFormat format) noexcept { format_ = format; }
  void take(Severity severity, std::string_view line) noexcept;

  // Writes the number of dropped lines, where some were dropped and it flows again.
  void tell_dropped() noexcept;
  [[nodiscard]] bool owes_dropped() const noexcept { return untold_ > 0; }
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }  // since the start

 protected:
  // `name` is for the line that tells of dropped ones: "stderr".
  explicit LogSink(const char* name) noexcept : name_(name) {}
  ~LogSink() = default;
  [[nodiscard]] LogFormat format() const noexcept { return format_; }

 private:
  [[nodiscard]] virtual bool put(Severity severity, std::string_view line) noexcept = 0;

  const char* name_;
  LogFormat format_ = LogFormat::text;
  std::uint64_t untold_ = 0;
  std::uint64_t dropped_ = 0;
};

// Standard error as it was when this was made: "tcpserver: LINE" as text, and just the line as JSON. Where
// that is the journal (JOURNAL_STREAM, systemd.exec(5)), with a priority before it: "<4>tcpserver: LINE"
// (sd-daemon(3)).
class StandardError final : public LogSink {
 public:
  // Through a descriptor of its own that does not block, where there can be one. Asks for a pipe that holds
  // thousands of lines.
  StandardError() noexcept;

 private:
  // How a line is written with no risk of a wait.
  enum class Way {
    write,       // to a file, or to a description of our own that does not block
    send,        // to a socket
    borrow,      // to a terminal of another user, which cannot be opened again
    poll_first,  // to whatever else
  };
  [[nodiscard]] bool put(Severity severity, std::string_view line) noexcept override;
  [[nodiscard]] ssize_t write_now(std::string_view line) noexcept;
  [[nodiscard]] ssize_t write_borrowed(std::string_view line) noexcept;
  [[nodiscard]] bool takes_a_line() const noexcept;

  base::UniqueFd own_;  // empty: standard error itself
  int fd_;
  Way way_;
  bool is_journal_;
  bool torn_ = false;  // only a part of the last line was written
};

// The system's log, facility daemon: "<PRIORITY>tcpserver[PID]: LINE" in a datagram (RFC 3164; the daemon of
// the log adds time and host). Not by syslog(3), which waits where the daemon is slow.
class SystemLog final : public LogSink {
 public:
  // Where it listens; the system's own place where none is given. The path is not copied.
  explicit SystemLog(const char* path = nullptr) noexcept;

  // Whether a daemon of the log is there now; errno where not.
  [[nodiscard]] bool answers() const noexcept;

 private:
  [[nodiscard]] bool put(Severity severity, std::string_view line) noexcept override;

  const char* path_;
  base::UniqueFd socket_;
};

}  // namespace tcpserver::server
