#include "server/daemon/announcement.hpp"

#include "tcpserver/base/system_error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace tcpserver::server {

namespace {

// Short for a waiting script, long enough to use almost no processor time.
constexpr auto retry_interval = std::chrono::milliseconds(100);

}  // namespace

Announcement::Announcement(bool keep_open, Log& log) noexcept
    : log_(log),
      copy_(keep_open ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1),
      writer_(std::in_place, copy_ ? copy_.get() : STDOUT_FILENO) {}

void Announcement::write(const std::string& ports) {
  ports_ = ports;
  try_to_write("Server is listening on " + ports + "\n");
  if (due_) {
    log_.info(LogEvent{"stdout_full"}, "standard output accepts nothing now; listening on %s", ports.c_str());
  }
}

void Announcement::discard() noexcept {
  due_.reset();
  writer_.reset();
  copy_.reset();
}

void Announcement::after_wait(base::TimePoint now) noexcept {
  if (due_ && now >= *due_) try_to_write({});
}

void Announcement::try_to_write(std::string text) noexcept {
  try {
    due_ = base::Clock::now() + retry_interval;
    if (!text.empty()) writer_->write(std::move(text));
    if (writer_->ready()) discard();
  } catch (const base::StartError& error) {
    log_.warning(LogEvent{"stdout_error"}, "%s; listening on %s", error.what(), ports_.c_str());
    discard();
  }
}

}  // namespace tcpserver::server
