#include "server/daemon/pid_file.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace tcpserver::server {

namespace {

using base::ExitStatus;
using base::StartError;

// Who can open it can lock it, and keep a server from starting.
constexpr mode_t for_its_owner = 0600;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw StartError(ExitStatus::cannot_create, "--pid-file " + base::plain_or_quoted(path) + ": " + why);
}

base::UniqueFd open_file(int folder, const std::string& name, const std::string& path) {
  // A link could lead root to anybody's file; without O_NONBLOCK, opening a FIFO waits.
  base::UniqueFd fd(::openat(folder, name.c_str(),
                             O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
                             for_its_owner));
  if (!fd) refuse(path, errno == ELOOP ? "it is a symbolic link" : base::error_text(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) refuse(path, base::error_text(errno));
  if (!S_ISREG(status.st_mode)) refuse(path, "it is not a regular file");
  // Another user could lock or change such a file at any time, or a hard link could point to another file of
  // ours.
  if (status.st_uid != ::geteuid()) {
    refuse(path,
           "owned by user " + std::to_string(status.st_uid) + "; remove it or start the server as that user");
  }
  if (status.st_nlink > 1) refuse(path, "has several hard links; remove it");
  return fd;
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
      name_(base::name_of(path_)),
      folder_(base::open_folder(base::folder_of(path_).c_str())) {
  if (!folder_) refuse(path_, base::error_text(errno));
  // The owner of a file that was opened may remove it before it is locked: then there is another one to open.
  constexpr int tries = 20;
  for (int i = 0; i < tries && !fd_; ++i) {
    fd_ = open_file(folder_.get(), name_, path_);
    if (!lock() || !base::is_at(fd_.get(), folder_.get(), name_.c_str())) fd_.reset();
  }
  if (!fd_) refuse(path_, "other servers keep making and removing it");
  stale_ = read();
  ::fchmod(fd_.get(), for_its_owner);  // the file may be left over from an earlier server
}

PidFile::~PidFile() {
  // Not a file that somebody has put in its place. Before the lock is given up: nobody else has it yet.
  if (!base::is_at(fd_.get(), folder_.get(), name_.c_str())) return;
  if (::unlinkat(folder_.get(), name_.c_str(), 0) == 0) return;
  [[maybe_unused]] const int emptied = ::ftruncate(fd_.get(), 0);  // else a pid of nobody stays in it
}

// False where the owner went away just now.
bool PidFile::lock() {
  auto wanted = whole_file();
  if (::fcntl(fd_.get(), F_SETLK, &wanted) == 0) return true;
  if (errno != EACCES && errno != EAGAIN) refuse(path_, "cannot lock it: " + base::error_text(errno));
  auto present = whole_file();
  if (::fcntl(fd_.get(), F_GETLK, &present) != 0 || present.l_type == F_UNLCK) return false;
  const std::string pid = present.l_pid > 0 ? ", pid " + std::to_string(present.l_pid) : "";
  refuse(path_, "a server that runs has it already" + pid);
}

std::optional<pid_t> PidFile::read() const {
  constexpr std::size_t longest = 32;  // more than any pid, its newline, and blanks that others write
  char text[longest + 1] = {};
  const auto size = base::read_some(fd_.get(), text, sizeof text);
  if (size < 0) refuse(path_, base::error_text(errno));
  std::string_view line(text, static_cast<std::size_t>(size));
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
  while (line.starts_with(' ')) line.remove_prefix(1);
  if (size == 0) return std::nullopt;
  const auto pid = base::parse_count(line, 1, INT32_MAX);
  if (!pid) refuse(path_, "it holds something else than a pid, and stays as it is");
  return static_cast<pid_t>(*pid);
}

void PidFile::write() {
  const std::string line = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0 ||
      !base::write_all(fd_.get(), line)) {
    refuse(path_, base::error_text(errno));
  }
}

// The owner does not matter: root may query the servers of all users, and the process is only inspected.
std::optional<pid_t> owner_of_pid_file(const std::string& path) {
  const auto fail = [&path](ExitStatus status, const std::string& why) {
    throw StartError(status, "--pid-file " + base::plain_or_quoted(path) + ": " + why);
  };
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!fd && errno == EACCES) {
    fail(ExitStatus::no_permission,
         "no right to read it: run it as root, or as the user who started that server");
  }
  if (!fd) fail(ExitStatus::unavailable, errno == ELOOP ? "it is a symbolic link" : base::error_text(errno));
  auto present = whole_file();
  if (::fcntl(fd.get(), F_GETLK, &present) != 0) fail(ExitStatus::unavailable, base::error_text(errno));
  if (present.l_type == F_UNLCK) return std::nullopt;
  // Of another pid namespace, or of another machine that has the file system, too.
  if (present.l_pid <= 0) fail(ExitStatus::unavailable, "its server is no process that is seen from here");
  return present.l_pid;
}

}  // namespace tcpserver::server
