#include "server/report/metrics_file.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

namespace tcpserver::server {

namespace {

constexpr mode_t for_all_to_read = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;

constexpr auto between_writes = std::chrono::seconds(5);

// Whether nobody else has it locked; false with errno, EWOULDBLOCK where somebody has.
bool lock(const base::UniqueFd& file) noexcept {
  return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
}

base::UniqueFd open_to_lock(int folder, const char* name, int access) noexcept {
  return base::UniqueFd(::openat(folder, name, access | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

}  // namespace

MetricsFile::MetricsFile(const std::string& path) : text_(std::make_unique<MetricsText>()) {
  const auto shown = base::plain_or_quoted(path);
  name_ = base::name_of(path);
  name_beside_ = name_ + ".tmp";
  folder_ = base::UniqueFd(base::open_folder(base::folder_of(path).c_str()));
  if (!folder_) {
    throw base::system_error("open the folder of --metrics-file " + shown, errno,
                             base::ExitStatus::cannot_create);
  }
  if (name_.empty() || place() == Place::no_file) {
    throw base::StartError(base::ExitStatus::cannot_create,
                           "--metrics-file " + shown + ": it is not a regular file");
  }
}

MetricsFile::Place MetricsFile::place() const noexcept {
  struct stat there {};
  if (::fstatat(folder_.get(), name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) return Place::free;
  if (!S_ISREG(there.st_mode)) return Place::no_file;
  if (last_ && base::is_at(last_.get(), folder_.get(), name_.c_str())) return Place::ours;
  const auto file = open_to_lock(folder_.get(), name_.c_str(), O_RDONLY);
  if (!file) return errno == ENOENT ? Place::free : Place::others;
  return lock(file) ? Place::nobodys : Place::others;
}

// A first file is put in the place of another server's; a later one is not.
std::optional<MetricsFile::Outcome> MetricsFile::who_else_has_it() const noexcept {
  const auto there = place();
  if (there == Place::no_file) return Outcome{Result::no_file, EEXIST};
  if (there == Place::others && last_) return Outcome{Result::others, EEXIST};
  return std::nullopt;
}

// Makes FILE.tmp. One that a killed server has left is removed; one that a server has locked is EWOULDBLOCK.
base::UniqueFd MetricsFile::lock_beside() noexcept {
  constexpr int tries = 20;  // each fails when another server removes or renames its own just then
  const char* const name = name_beside_.c_str();
  const auto remove = [&] {
    const int error = errno;
    ::unlinkat(folder_.get(), name, 0);
    errno = error;
  };
  for (int i = 0; i < tries; ++i) {
    auto file = base::create_file(folder_.get(), name, S_IRUSR | S_IWUSR);
    if (file) {
      if (!lock(file)) {
        if (errno != EWOULDBLOCK) remove();  // a file system that has no locks
        return {};
      }
      if (base::is_at(file.get(), folder_.get(), name)) return file;
      continue;
    }
    if (errno != EEXIST) return {};
    const auto left = open_to_lock(folder_.get(), name, O_RDWR);
    if (!left && errno == ENOENT) continue;  // its server has renamed it; what has the name now is another's
    if (left && !lock(left)) return {};
    // A link is nobody's.
    if (!left && errno != ELOOP) return {};
    if (!left || base::is_at(left.get(), folder_.get(), name)) remove();
  }
  errno = EWOULDBLOCK;
  return {};
}

// Before the rename: where this fails, the old file stays.
bool MetricsFile::keep(const base::UniqueFd& file) noexcept {
  if (last_) return ::dup3(file.get(), last_.get(), O_CLOEXEC) >= 0;
  last_ = base::UniqueFd(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  return static_cast<bool>(last_);
}

MetricsFile::Outcome MetricsFile::write(const MetricsFigures& figures) noexcept {
  due_ = base::Clock::now() + between_writes;
  if (const auto no = who_else_has_it()) return *no;
  const auto file = lock_beside();
  if (!file) return {errno == EWOULDBLOCK ? Result::busy : Result::failed, errno};
  const auto give_up = [this](Outcome outcome) {
    ::unlinkat(folder_.get(), name_beside_.c_str(), 0);
    return outcome;
  };
  if (const auto no = who_else_has_it()) return give_up(*no);  // it may just have renamed its own
  text_->clear();
  append_metrics(*text_, figures);
  // Whatever the umask: it is for a monitor, who is somebody else.
  if (::fchmod(file.get(), for_all_to_read) == 0 &&
      base::write_all(file.get(), {text_->c_str(), text_->size()}) && keep(file) &&
      ::renameat(folder_.get(), name_beside_.c_str(), folder_.get(), name_.c_str()) == 0) {
    return {Result::written};
  }
  return give_up({Result::failed, errno});
}

}  // namespace tcpserver::server
