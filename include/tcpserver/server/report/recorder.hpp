#pragma once

#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/report/log.hpp"
#include "tcpserver/server/session/session.hpp"

#include <cstdint>
#include <string>

namespace tcpserver::server {

// What each client sent, in a file of its own: --record. The parent opens the file before it forks, and the
// child writes to what it inherits: so its sandbox needs no system call more. Whatever fails ends a
// recording, and no session.
class Recorder {
 public:
  // Opens the folder, so that it is the same one whatever becomes of its path. `limit`: bytes a file, 0 for
  // none; lowered, and said so once, where this process may write no file that large (RLIMIT_FSIZE): else
  // each long session would have a warning of its own. Throws StartError (cannot_create) where there is no
  // such folder.
  Recorder(const std::string& folder, std::uint64_t limit, Log& log);

  // Its descriptor.
  [[nodiscard]] int folder() const noexcept { return folder_.get(); }

  // Once the server is who it will be. Throws StartError (cannot_create) where it may make no file there.
  void try_folder() const;

  // Before the fork: opens "tcpserver.PEER.dat", or "tcpserver.PEER.TIME.dat" where that is there, for the
  // server's user alone. Follows no link, overwrites nothing. Empty, with a word in the log, where it cannot
  // be had.
  [[nodiscard]] base::UniqueFd begin(const base::SocketAddress& peer) noexcept;

  // For the session whose file this is.
  [[nodiscard]] RecordingFile recording_in(int file) const noexcept {
    return {.descriptor = file, .room = limit_};
  }

  // After a session that was recorded: warns if its recording failed.
  void end(const base::SocketAddress& peer, const SessionClaims& claims) noexcept;

 private:
  [[nodiscard]] base::UniqueFd open_new(const base::SocketAddress& peer) const noexcept;

  std::string path_;  // for messages
  base::UniqueFd folder_;
  std::uint64_t limit_;
  Log& log_;
  RateLimit open_failures_{std::chrono::seconds(1)};
  RateLimit write_failures_{std::chrono::seconds(1)};
};

}  // namespace tcpserver::server
