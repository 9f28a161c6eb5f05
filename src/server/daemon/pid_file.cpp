#include "server/daemon/pid_file.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace tcpserver::server {

namespace {

using base::ExitStatus;
using base::StartError;

// Any user who can open the file could lock it and prevent the server from starting.
constexpr mode_t only_for_owner = 0600;

[[noreturn]] void refuse(const std::string& path, const std::string& why,
                         ExitStatus status = ExitStatus::cannot_create) {
  throw StartError(status, "--pid-file " + base::quote_unless_plain(path) + ": " + why);
}

base::UniqueFd open_file(int directory, const std::string& name, const std::string& path) {
  // O_NOFOLLOW, because a link could point root to any file; O_NONBLOCK, because opening a FIFO would block.
  base::UniqueFd fd(::openat(directory, name.c_str(),
                             O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
                             only_for_owner));
  if (!fd) refuse(path, errno == ELOOP ? "is a symbolic link" : base::error_text(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) refuse(path, base::error_text(errno));
  if (!S_ISREG(status.st_mode)) refuse(path, "is not a regular file");
  // Another owner could lock or change the file at any time, and a hard link could point to another file of
  // ours.
  if (status.st_uid != ::geteuid()) {
    refuse(path,
           "owned by user " + std::to_string(status.st_uid) + "; remove it or start the server as that user");
  }
  if (status.st_nlink > 1) refuse(path, "has several hard links; remove it");
  return fd;
}

std::string format_pid(pid_t pid) {
  return std::to_string(pid) + "\n";
}

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

PidFile::PidFile(std::string path)
    : path_(std::move(path)),
      name_(base::file_name(path_)),
      directory_(base::open_directory(base::parent_directory(path_).c_str())) {
  if (!directory_) refuse(path_, base::error_text(errno));
  // A server that ends may remove the file between open and lock. Then open it again.
  constexpr int tries = 20;
  for (int i = 0; i < tries && !fd_; ++i) {
    fd_ = open_file(directory_.get(), name_, path_);
    if (!lock() || !base::is_at(fd_.get(), directory_.get(), name_.c_str())) fd_.reset();
  }
  if (!fd_) refuse(path_, "other servers keep creating and removing it");
  stale_ = read();
  ::fchmod(fd_.get(), only_for_owner);  // the file may be left over from an earlier server
}

PidFile::~PidFile() {
  // This process still holds the lock, so no other server uses the file yet.
  if (!base::is_at(fd_.get(), directory_.get(), name_.c_str())) return;
  if (::unlinkat(directory_.get(), name_.c_str(), 0) == 0) return;
  [[maybe_unused]] const int emptied = ::ftruncate(fd_.get(), 0);  // leaves no stale pid
}

// Returns false if the owner has just ended.
bool PidFile::lock() {
  auto wanted = whole_file();
  if (::fcntl(fd_.get(), F_SETLK, &wanted) == 0) return true;
  if (errno != EACCES && errno != EAGAIN) refuse(path_, "cannot lock: " + base::error_text(errno));
  auto present = whole_file();
  if (::fcntl(fd_.get(), F_GETLK, &present) != 0 || present.l_type == F_UNLCK) return false;
  const std::string pid = present.l_pid > 0 ? ", pid " + std::to_string(present.l_pid) : "";
  refuse(path_, "in use by a running server" + pid);
}

std::optional<pid_t> PidFile::read() const {
  char text[32];  // longer than any pid, with blanks that other programs write
  const auto size = base::read_some(fd_.get(), text, sizeof text);
  if (size < 0) refuse(path_, base::error_text(errno));
  if (size == 0) return std::nullopt;
  std::string_view line(text, static_cast<std::size_t>(size));
  line.remove_suffix(line.size() - (line.find_last_not_of(" \n") + 1));
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const auto pid = base::parse_count(line, 1, INT32_MAX);
  if (!pid) refuse(path_, "does not contain a pid; remove it or choose another file");
  return static_cast<pid_t>(*pid);
}

void PidFile::write() {
  const auto line = format_pid(::getpid());
  if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0 ||
      !base::write_all(fd_.get(), line)) {
    refuse(path_, base::error_text(errno));
  }
}

// The file may belong to any user, because root may query the servers of all users.
std::optional<PidFileOwner> find_pid_file_owner(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!fd && errno == EACCES) {
    refuse(path, "permission denied; run as root or as the user of that server", ExitStatus::no_permission);
  }
  auto present = whole_file();
  if (!fd || ::fcntl(fd.get(), F_GETLK, &present) != 0) {
    refuse(path, !fd && errno == ELOOP ? "is a symbolic link" : base::error_text(errno),
           ExitStatus::unavailable);
  }
  if (present.l_type == F_UNLCK) return std::nullopt;
  // The server is in another pid namespace, or on another machine that shares the file system.
  if (present.l_pid <= 0)
    refuse(path, "its server is in another pid namespace or on another machine", ExitStatus::unavailable);
  constexpr std::size_t longest = 32;
  const auto text = base::read_all(fd.get(), longest);
  return PidFileOwner{.pid = present.l_pid, .has_written = text == format_pid(present.l_pid)};
}

}  // namespace tcpserver::server
