#pragma once

#include "tcpserver/base/unique_fd.hpp"

#include <sys/types.h>

#include <optional>
#include <string>

namespace tcpserver::server {

// The file with the server's pid. Locked while the server lives (fcntl(2)): the lock, not the number, tells
// whether a server runs, so that a file left behind by a killed server does no harm.
class PidFile {
 public:
  // Opens or creates the file and locks it. Throws StartError (cannot_create) if the file is locked by a
  // running server, is not writable, belongs to another user, has several hard links, or holds anything but a
  // pid. A refused file is not changed. Construct after a daemon has forked: the lock belongs to the process.
  explicit PidFile(std::string path);

  // Removes the file, or empties it if the server may not remove it any more. Leaves alone what others have
  // put in its place.
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // The pid of an earlier server that it contained; nullopt if there was none.
  [[nodiscard]] std::optional<pid_t> stale() const noexcept { return stale_; }

  // The open folder, so that the right to remove the file there can be kept.
  [[nodiscard]] int folder() const noexcept { return folder_.get(); }

  // Writes this process's pid. Throws StartError (cannot_create).
  void write();

 private:
  [[nodiscard]] bool lock();
  [[nodiscard]] std::optional<pid_t> read() const;

  std::string path_;
  std::string name_;
  base::UniqueFd folder_;
  base::UniqueFd fd_;
  std::optional<pid_t> stale_;
};

// Returns the server that has this file locked, without locking or changing anything; nullopt if there is
// none. Throws StartError: no_permission if this user may not read the file, unavailable if the lock
// cannot be examined or its owner is in another pid namespace.
[[nodiscard]] std::optional<pid_t> owner_of_pid_file(const std::string& path);

}  // namespace tcpserver::server
