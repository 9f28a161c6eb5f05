#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/server/report/metrics.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>

namespace tcpserver::server {

namespace {

constexpr mode_t readable_by_all = 0644;  // a monitor is another user
constexpr auto between_writes = std::chrono::seconds(5);
// A temporary file lives for milliseconds. One this old belongs to a server that was killed.
constexpr time_t stale_after_s = 60;

}  // namespace

MetricsFile::MetricsFile(const std::string& path, Log& log)
    : path_(base::plain_or_quoted(path)),
      name_(base::name_of(path)),
      // A pid alone is not unique: servers in several containers may share the directory.
      temporary_name_(name_ + ".tmp." + std::to_string(::getpid()) + "." +
                      std::to_string(std::random_device()())),
      log_(log),
      folder_(base::open_folder(base::folder_of(path).c_str())),
      text_(std::make_unique<MetricsText>()) {
  if (!folder_) {
    throw base::system_error("open the folder of --metrics-file " + path_, errno,
                             base::ExitStatus::cannot_create);
  }
  if (name_.empty() || is_taken()) {
    throw base::StartError(base::ExitStatus::cannot_create,
                           "--metrics-file " + path_ + ": it is not a regular file");
  }
}

// Root could replace /dev/null.
bool MetricsFile::is_taken() const noexcept {
  struct stat status {};
  return ::fstatat(folder_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         !S_ISREG(status.st_mode);
}

void MetricsFile::write_first(const MetricsFigures& figures) {
  remove_stale();
  const int error = replace(figures);
  if (error != 0) {
    throw base::system_error("write --metrics-file " + path_, error, base::ExitStatus::cannot_create);
  }
}

void MetricsFile::write(const MetricsFigures& figures) noexcept {
  const int error = replace(figures);
  if (error == 0) return;
  log_.limited_warning(failures_, "cannot write --metrics-file %s: %s", path_.c_str(),
                       error == EEXIST ? "it is not a regular file any more" : std::strerror(error));
}

// Returns 0 or an errno; EEXIST if the path is not a regular file.
int MetricsFile::replace(const MetricsFigures& figures) noexcept {
  due_ = base::Clock::now() + between_writes;
  if (is_taken()) return EEXIST;
  const char* const temporary = temporary_name_.c_str();
  const auto file = base::create_file(folder_.get(), temporary, 0600);
  if (!file) return errno;
  text_->clear();
  append_metrics(*text_, figures);
  if (::fchmod(file.get(), readable_by_all) == 0 &&
      base::write_all(file.get(), {text_->c_str(), text_->size()}) &&
      ::renameat(folder_.get(), temporary, folder_.get(), name_.c_str()) == 0) {
    return 0;
  }
  const int error = errno;
  ::unlinkat(folder_.get(), temporary, 0);
  return error;
}

void MetricsFile::remove_stale() const {
  const int listed = ::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const folder = listed < 0 ? nullptr : ::fdopendir(listed);
  if (folder == nullptr) return;  // a directory that this user may not list
  const auto oldest = ::time(nullptr) - stale_after_s;
  while (const dirent* const entry = ::readdir(folder)) {
    struct stat status {};
    if (std::string_view(entry->d_name).starts_with(name_ + ".tmp.") &&
        ::fstatat(listed, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mtime < oldest) {
      ::unlinkat(listed, entry->d_name, 0);
    }
  }
  ::closedir(folder);
}

}  // namespace tcpserver::server
