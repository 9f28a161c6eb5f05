#pragma once

#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/options.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tcpserver::server {

// The importance of a line: "warning", "notice", "info" in JSON.
enum class Severity { warning, notice, info };

// A destination of log lines. It never waits and never allocates: a line that cannot be written now is lost.
class LogSink {
 public:
  static constexpr std::size_t longest_text = 2000;
  static constexpr std::size_t longest_line = longest_text + 64;  // with prefix and newline

  // Standard error as it is now: "tcpserver: TEXT", or just the text in JSON. If it is the journal
  // (JOURNAL_STREAM, systemd.exec(5)), a priority comes first: "<4>tcpserver: TEXT" (sd-daemon(3)). A pipe is
  // asked to hold thousands of lines.
  LogSink() noexcept;

  // The system's log: a datagram "<PRIORITY>tcpserver[PID]: TEXT" to this socket (RFC 3164), with facility
  // daemon. Not by syslog(3), which waits for a slow daemon. The path is not copied.
  explicit LogSink(const char* path) noexcept;

  // Returns true if the system's log can be reached now; otherwise false with errno.
  [[nodiscard]] bool answers() const noexcept;

  // Returns false if the line was lost, all or a part of it.
  [[nodiscard]] bool put(Severity severity, LogFormat format, std::string_view text) noexcept;

  [[nodiscard]] const char* name() const noexcept { return path_ == nullptr ? "stderr" : "syslog"; }

  std::uint64_t lost = 0;  // lines that were lost and not reported yet

 private:
  // How a line is written without waiting.
  enum class Way {
    write,       // to a file, or through a description of our own that does not block
    send,        // to a socket
    borrow,      // to a terminal of another user, which cannot be opened again
    poll_first,  // to anything else
    syslog       // to path_
  };
  [[nodiscard]] ssize_t write_now(std::string_view line) const noexcept;

  const char* path_ = nullptr;
  base::UniqueFd own_;
  int fd_;
  Way way_;
  bool is_journal_ = false;
  bool torn_ = false;  // only a part of the last line was written
};

}  // namespace tcpserver::server
