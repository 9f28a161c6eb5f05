#include "tcpserver/server/report/log_sink.hpp"

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/terminal.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace tcpserver::server {

namespace {

// A pipe never mixes a write of up to PIPE_BUF bytes with those of others (pipe(7)).
static_assert(LogSink::longest_line <= PIPE_BUF);

// JOURNAL_STREAM is "DEVICE:INODE" of the stream that systemd has connected to the journal.
bool is_journal(const struct stat& status) noexcept {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  base::BoundedText<64> own;
  own.append("%llu:%llu", base::wide(status.st_dev), base::wide(status.st_ino));
  return stream != nullptr && std::strcmp(stream, own.c_str()) == 0;
}

base::UniqueFd datagram_socket() noexcept {
  return base::UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

sockaddr_un to_address(const char* path) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::min(std::strlen(path), sizeof address.sun_path - 1));
  return address;
}

using Line = base::BoundedText<LogSink::longest_line>;

// localtime_r reads no file, because set_time() has loaded the time zone.
void append_time(Line& line, bool is_terminal) noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm local{};
  ::localtime_r(&now.tv_sec, &local);
  char text[32];
  std::strftime(text, sizeof text, is_terminal ? "%T" : "%F %T", &local);
  line.append("%s.%03ld", text, now.tv_nsec / 1'000'000);
  const long offset = std::labs(local.tm_gmtoff) / 60;  // in minutes
  if (!is_terminal) line.append("%c%02ld:%02ld", local.tm_gmtoff < 0 ? '-' : '+', offset / 60, offset % 60);
  line.append(" ");
}

// Breaks the text at blanks, so that it fits this width from this column on. Continuation lines are indented.
void append_wrapped(Line& line, std::string_view text, std::size_t column, std::size_t width) noexcept {
  constexpr std::string_view line_break = "\n    ";
  for (bool is_first = true; !text.empty(); is_first = false) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const bool fits = is_first || column + 1 + word.size() <= width;
    const auto separator = is_first ? std::string_view() : fits ? " " : line_break;
    line.append("%.*s%.*s", static_cast<int>(separator.size()), separator.data(),
                static_cast<int>(word.size()), word.data());
    column = word.size() + (fits ? column + separator.size() : line_break.size() - 1);
  }
}

}  // namespace

LogSink::LogSink() noexcept
    : own_(base::open_nonblocking(STDERR_FILENO)),
      fd_(own_ ? own_.get() : STDERR_FILENO),
      way_(own_ ? Way::write : Way::poll_first) {
  struct stat status {};
  if (::fstat(STDERR_FILENO, &status) == 0) is_journal_ = is_journal(status);
  const auto type = status.st_mode & S_IFMT;
  if (type == S_IFREG) way_ = Way::write;
  if (type == S_IFSOCK) way_ = Way::send;
  is_terminal_ = ::isatty(STDERR_FILENO) == 1;
  if (!own_ && is_terminal_) way_ = Way::borrow;
  if (type == S_IFIFO) base::enlarge_pipe(fd_);
}

LogSink::LogSink(const char* path) noexcept
    : path_(path), own_(datagram_socket()), fd_(own_.get()), way_(Way::syslog) {}

void LogSink::set_time(LogTime time) noexcept {
  has_time_ = time == LogTime::automatic ? !is_journal_ : time == LogTime::on;
  ::tzset();
}

bool LogSink::is_reachable() const noexcept {
  const auto probe = datagram_socket();
  const auto address = to_address(path_);
  return probe && ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool LogSink::put(Severity severity, LogFormat format, std::string_view text) noexcept {
  constexpr int priorities[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO};  // indexed by Severity
  const int priority = priorities[static_cast<int>(severity)];
  Line line;
  if (torn_) line.append("\n");
  if (is_journal_) line.append("<%d>", priority);
  if (way_ == Way::syslog) {
    line.append("<%d>tcpserver[%d]: ", LOG_DAEMON | priority, static_cast<int>(::getpid()));
  } else if (format == LogFormat::text) {
    if (has_time_) append_time(line, is_terminal_);
    line.append("tcpserver: ");
  }
  const auto width = is_terminal_ && format == LogFormat::text ? base::prose_width(fd_) : std::nullopt;
  if (width) {
    append_wrapped(line, text, line.size() - (torn_ ? 1 : 0), *width);
  } else {
    line.append("%.*s", static_cast<int>(text.size()), text.data());
  }
  if (way_ != Way::syslog) line.end_line();
  const auto written = write_now({line.c_str(), line.size()});
  if (written <= 0) return false;
  torn_ = written < static_cast<ssize_t>(line.size());
  return !torn_;
}

ssize_t LogSink::write_now(std::string_view line) const noexcept {
  const auto write = [&] { return ::write(fd_, line.data(), line.size()); };
  switch (way_) {
    case Way::write:
      return write();
    case Way::send:
      return ::send(fd_, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    case Way::borrow: {
      // POLLOUT of a terminal guarantees space for a byte, not for a line. Other programs share the flag,
      // so it is set for one write only.
      const int flags = ::fcntl(fd_, F_GETFL);
      if (flags < 0 || ::fcntl(fd_, F_SETFL, flags | O_NONBLOCK) != 0) return -1;
      const auto written = write();
      ::fcntl(fd_, F_SETFL, flags);
      return written;
    }
    case Way::poll_first: {
      // POLLOUT of a pipe guarantees space for PIPE_BUF bytes.
      pollfd out{.fd = fd_, .events = POLLOUT, .revents = 0};
      return ::poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0 ? write() : -1;
    }
    case Way::syslog: {
      // Not connected: the daemon may restart with another socket at the same path.
      const auto address = to_address(path_);
      return ::sendto(fd_, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                      reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
  }
  return -1;
}

}  // namespace tcpserver::server
