#include "server/daemon/announcement.hpp"

#include "tcpserver/base/system_error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace tcpserver::server {

namespace {

// The first interval is short for a waiting script. It doubles, because the line may never be read.
constexpr base::Duration shortest_interval = std::chrono::milliseconds(100);
constexpr base::Duration longest_interval = std::chrono::seconds(1);

}  // namespace

Announcement::Announcement(bool keep_open, Log& log) noexcept
    : log_(log), writer_(std::in_place, STDOUT_FILENO), interval_(shortest_interval) {
  if (!keep_open || writer_->has_own_descriptor()) return;
  copy_ = base::UniqueFd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (copy_) writer_.emplace(copy_.get());
}

void Announcement::write(const std::string& ports) {
  ports_ = ports;
  try_to_write("Server is listening on " + ports + "\n");
  if (due_) {
    log_.info(LogEvent{"stdout_full"}, "standard output is full, the announcement follows; listening on %s",
              ports.c_str());
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
    due_ = base::Clock::now() + interval_;
    interval_ = std::min(2 * interval_, longest_interval);
    if (!text.empty()) writer_->write(std::move(text));
    if (writer_->ready()) discard();
  } catch (const base::StartError& error) {
    log_.warning(LogEvent{"stdout_error"}, "%s; listening on %s", error.what(), ports_.c_str());
    discard();
  }
}

}  // namespace tcpserver::server
