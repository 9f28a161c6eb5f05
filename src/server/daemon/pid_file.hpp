#pragma once

#include "tcpserver/base/unique_fd.hpp"

#include <sys/types.h>

#include <optional>
#include <string>

namespace tcpserver::server {

// The file with the server's pid. Locked for as long as the server lives (fcntl(2)): the lock, not the
// number in it, says whether there is one, so a file that a killed server left behind stops nobody.
class PidFile {
 public:
  // Opens or creates the file and locks it. Throws StartError (cannot_create) if the file is locked by a
  // running server, is not writable, belongs to another user, has several hard links, or holds anything but a
  // pid. A refused file is not changed. Construct after a daemon has forked: the lock belongs to the process.
  explicit PidFile(std::string path);

  // Removes the file, or empties it where the server has no right any more to remove it: also where the path
  // leads there no more, or not for this user.
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // The pid that a server that is gone has left in it, if any.
  [[nodiscard]] std::optional<pid_t> stale() const noexcept { return stale_; }

  // The descriptor of its folder, to keep the right to remove it.
  [[nodiscard]] int folder() const noexcept { return folder_.get(); }

  // Writes this process's pid. Throws StartError (cannot_create).
  void write();

 private:
  [[nodiscard]] bool lock();
  [[nodiscard]] std::optional<pid_t> read() const;

  std::string path_;
  std::string name_;
  base::UniqueFd fd_;
  base::UniqueFd folder_;
  std::optional<pid_t> stale_;
};

// The server that has this file locked now, as another process sees it: nothing is opened for writing, locked
// or changed. Nothing: no server runs with it. Throws StartError: no_permission where this user may not read
// the file, unavailable where it is none that a server can have.
[[nodiscard]] std::optional<pid_t> owner_of_pid_file(const std::string& path);

}  // namespace tcpserver::server
