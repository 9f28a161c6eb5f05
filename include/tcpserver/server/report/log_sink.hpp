#pragma once

#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/options.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tcpserver::server {

// The importance of a line: "error", "warning", "notice", "info" in JSON. An error ends the server.
enum class Severity { error, warning, notice, info };

// A destination of log lines. It never waits and, after construction, allocates only in set_time(). A line
// that cannot be written now is lost.
class LogSink {
 public:
  static constexpr std::size_t longest_text = 2000;
  static constexpr std::size_t longest_line = longest_text + 576;  // with prefix, and newlines on a terminal

  // Standard error as it is now: "tcpserver: TEXT", or just the text in JSON. If it is the journal
  // (JOURNAL_STREAM, systemd.exec(5)), a priority comes first: "<4>tcpserver: TEXT" (sd-daemon(3)). On a
  // terminal, long lines of text are wrapped. The buffer of a pipe is enlarged for thousands of lines.
  LogSink() noexcept;

  // The system log: a datagram "<PRIORITY>tcpserver[PID]: TEXT" to this socket (RFC 3164), with facility
  // daemon. syslog(3) is not used, because it waits for a slow daemon. The path is not copied.
  explicit LogSink(const char* path) noexcept;

  // Begins lines of text on standard error with the local time: "2026-11-29 01:53:49.123+01:00 ", or
  // "01:53:49.123 " on a terminal. LogTime::automatic does so unless the journal adds the time. Reads the
  // time zone. Call for standard error only.
  void set_time(LogTime time) noexcept;

  // Starts a new line on a terminal, because Ctrl-C has left "^C" on the current one.
  void start_new_line() noexcept { torn_ = torn_ || is_terminal_; }

  // Returns true if the system log can be reached now; otherwise false with errno.
  [[nodiscard]] bool is_reachable() const noexcept;

  // Returns false if the line was lost, all or a part of it.
  [[nodiscard]] bool put(Severity severity, LogFormat format, std::string_view text) noexcept;

  [[nodiscard]] const char* name() const noexcept { return path_ == nullptr ? "stderr" : "syslog"; }

  std::uint64_t lost = 0;  // lines that were lost and not reported yet

 private:
  // How a line is written without waiting.
  enum class Way {
    write,       // a file, or an open file description of our own that does not block
    send,        // a socket
    borrow,      // a terminal of another user, which cannot be opened again
    poll_first,  // anything else
    syslog       // path_
  };
  [[nodiscard]] ssize_t write_now(std::string_view line) const noexcept;

  const char* path_ = nullptr;
  base::UniqueFd own_;
  int fd_;
  Way way_;
  bool is_journal_ = false;
  bool is_terminal_ = false;
  bool has_time_ = false;
  bool torn_ = false;  // only a part of the last line was written
};

}  // namespace tcpserver::server
