#pragma once

#include "tcpserver/base/unique_fd.hpp"

#include <sys/types.h>

#include <optional>
#include <string>

namespace tcpserver::server {

// The file that contains the server's pid. The server locks it while it runs (fcntl(2)). The lock, not the
// pid, shows that a server runs, so the stale file of a killed server does no harm.
class PidFile {
 public:
  // Opens or creates the file and locks it. Throws StartError (cannot_create) if the file is locked by a
  // running server, is not writable, belongs to another user, has several hard links, or holds anything but a
  // pid. A refused file is not changed. Construct after a daemon has forked: the lock belongs to the process.
  explicit PidFile(std::string path);

  // Removes the file, or empties it if the server has no permission to remove it. Does nothing if another
  // file has replaced it.
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // Returns the pid that an earlier server left in the file; nullopt if none.
  [[nodiscard]] std::optional<pid_t> stale() const noexcept { return stale_; }

  // Returns the open directory of the file, for drop_privileges().
  [[nodiscard]] int directory() const noexcept { return directory_.get(); }

  // Writes this process's pid. Throws StartError (cannot_create).
  void write();

 private:
  [[nodiscard]] bool lock();
  [[nodiscard]] std::optional<pid_t> read() const;

  std::string path_;
  std::string name_;
  base::UniqueFd directory_;
  base::UniqueFd fd_;
  std::optional<pid_t> stale_;
};

struct PidFileOwner {
  pid_t pid = 0;
  bool has_written = false;  // the file contains its pid, so its start is complete
};

// Returns the server that has locked this file; nullopt if none. Changes nothing. Throws StartError:
// no_permission if this user may not read the file, unavailable if the lock cannot be examined or its owner
// is in another pid namespace.
[[nodiscard]] std::optional<PidFileOwner> find_pid_file_owner(const std::string& path);

}  // namespace tcpserver::server
