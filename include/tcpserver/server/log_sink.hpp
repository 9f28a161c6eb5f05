#pragma once

#include "tcpserver/posix/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

// The places that lines of the log go to. None of them ever makes the server wait or allocates.
namespace tcpserver::server {

// How much a line matters.
enum class Severity { warning, notice, info };

// Takes lines as they come. Where nothing is taken now, a line is dropped, and the number of dropped ones is
// written when it flows again.
class LogSink {
 public:
  // Without the newline; longer ones are cut to longest_line bytes, all that is added included.
  static constexpr std::size_t longest_line = 1024;
  void take(Severity severity, std::string_view line) noexcept;

 protected:
  // `name` is for the line that tells of dropped ones: "standard error".
  explicit LogSink(const char* name) noexcept : name_(name) {}
  ~LogSink() = default;

 private:
  [[nodiscard]] virtual bool put(Severity severity, std::string_view line) noexcept = 0;

  const char* name_;
  std::uint64_t dropped_ = 0;
};

// Standard error as it was when this was made: "tcpserver: LINE". Where that is the journal (JOURNAL_STREAM,
// systemd.exec(5)), with a priority before it: "<4>tcpserver: LINE" (sd-daemon(3)).
class StandardError final : public LogSink {
 public:
  // Through a descriptor of its own that does not block, where there can be one.
  StandardError() noexcept;

 private:
  [[nodiscard]] bool put(Severity severity, std::string_view line) noexcept override;
  [[nodiscard]] bool takes_a_line() const noexcept;

  posix::UniqueFd own_;  // empty: standard error itself
  int fd_;
  bool never_blocks_;
  bool is_journal_;
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
  posix::UniqueFd socket_;
};

}  // namespace tcpserver::server
