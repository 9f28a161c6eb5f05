#include "tcpserver/server/report/log_sink.hpp"

#include "tcpserver/base/bounded_text.hpp"
#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace tcpserver::server {

namespace {

// A write of up to PIPE_BUF bytes to a pipe is never mixed with those of others (pipe(7)).
static_assert(LogSink::longest_line <= PIPE_BUF);
using Line = base::BoundedText<LogSink::longest_line>;

#ifndef _PATH_LOG
#define _PATH_LOG "/dev/log"
#endif

int priority_of(Severity severity) noexcept {
  constexpr int priorities[] = {LOG_WARNING, LOG_NOTICE, LOG_INFO};  // by Severity
  return LOG_DAEMON | priorities[static_cast<int>(severity)];
}

mode_t type_of(int fd) noexcept {
  struct stat status {};
  return ::fstat(fd, &status) == 0 ? status.st_mode & S_IFMT : 0;
}

// "DEVICE:INODE" of the stream that a service manager has connected to its journal.
bool is_journal(int fd) noexcept {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(fd, &status) != 0) return false;
  base::BoundedText<64> own;
  own.append("%llu:%llu", static_cast<unsigned long long>(status.st_dev),
             static_cast<unsigned long long>(status.st_ino));
  return std::strcmp(stream, own.c_str()) == 0;
}

sockaddr_un address_of(const char* path) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::min(std::strlen(path), sizeof address.sun_path - 1));
  return address;
}

}  // namespace

void LogSink::take(Severity severity, std::string_view line) noexcept {
  tell_dropped();
  if (untold_ == 0 && put(severity, line)) return;
  ++untold_;
  ++dropped_;
}

void LogSink::tell_dropped() noexcept {
  if (untold_ == 0) return;
  base::BoundedText<128> text;
  text.append("dropped %llu log lines: %s was not writable", base::wide(untold_), name_);
  LogRecord note(format_, Severity::warning, LogRecord::Message{{text.c_str(), text.size()}});
  if (put(Severity::warning, note.finish())) untold_ = 0;
}

StandardError::StandardError() noexcept
    : LogSink("stderr"),
      own_(base::open_nonblocking(STDERR_FILENO)),
      fd_(own_ ? own_.get() : STDERR_FILENO),
      way_(Way::poll_first),
      is_journal_(is_journal(STDERR_FILENO)) {
  const auto type = type_of(STDERR_FILENO);
  if (own_ || type == S_IFREG) way_ = Way::write;
  if (type == S_IFSOCK) way_ = Way::send;
  if (!own_ && ::isatty(STDERR_FILENO) == 1) way_ = Way::borrow;
  if (type == S_IFIFO) base::ask_for_large_pipe(fd_);
}

bool StandardError::put(Severity severity, std::string_view text) noexcept {
  Line line;
  if (torn_) line.append("\n");
  if (is_journal_) line.append("<%d>", LOG_PRI(priority_of(severity)));
  line.append(format() == LogFormat::text ? "tcpserver: %.*s" : "%.*s", static_cast<int>(text.size()),
              text.data());
  line.end_line();
  const auto written = write_now({line.c_str(), line.size()});
  if (written <= 0) return false;
  torn_ = written < static_cast<ssize_t>(line.size());
  return !torn_;
}

ssize_t StandardError::write_now(std::string_view line) noexcept {
  if (way_ == Way::send) return ::send(fd_, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (way_ == Way::borrow) return write_borrowed(line);
  if (way_ == Way::poll_first && !takes_a_line()) return -1;
  return ::write(fd_, line.data(), line.size());
}

// POLLOUT of a terminal promises room for a byte, not for a line. The shell and others share the flag, so it
// is set for one write only.
ssize_t StandardError::write_borrowed(std::string_view line) noexcept {
  const int flags = ::fcntl(fd_, F_GETFL);
  if (flags < 0 || ::fcntl(fd_, F_SETFL, flags | O_NONBLOCK) != 0) return -1;
  const auto written = ::write(fd_, line.data(), line.size());
  ::fcntl(fd_, F_SETFL, flags);
  return written;
}

bool StandardError::takes_a_line() const noexcept {
  // POLLOUT on a pipe means that PIPE_BUF bytes fit: so even one that could not be opened anew does not
  // block.
  pollfd out{.fd = fd_, .events = POLLOUT, .revents = 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0;
}

SystemLog::SystemLog(const char* path) noexcept
    : LogSink("the system log"),
      path_(path == nullptr ? _PATH_LOG : path),
      socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

bool SystemLog::answers() const noexcept {
  const base::UniqueFd probe(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto address = address_of(path_);
  return probe && ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// Not connected: the daemon of the log may be started anew, with another socket at the same place.
bool SystemLog::put(Severity severity, std::string_view text) noexcept {
  Line line;
  line.append("<%d>tcpserver[%d]: %.*s", priority_of(severity), static_cast<int>(::getpid()),
              static_cast<int>(text.size()), text.data());
  const auto address = address_of(path_);
  return ::sendto(socket_.get(), line.c_str(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                  reinterpret_cast<const sockaddr*>(&address),
                  sizeof address) == static_cast<ssize_t>(line.size());
}

}  // namespace tcpserver::server
