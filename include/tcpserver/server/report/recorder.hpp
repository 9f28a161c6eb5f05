#pragma once

#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/report/log.hpp"
#include "tcpserver/server/session/session.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace tcpserver::server {

// The time in the name of a recording; the epoch if the name has none.
using RecordingTime = std::chrono::system_clock::time_point;

struct NewRecording {
  base::UniqueFd file;
  RecordingTime time{};
};

// Records the bytes of each client in a file of its own (--record). The parent opens the file before it
// forks, so that the child's sandbox needs no further system call. A failure ends the recording, not the
// session.
class Recorder {
 public:
  // Opens the directory; renaming it later changes nothing. `limit` is in bytes per file, 0 for none. A limit
  // above RLIMIT_FSIZE is lowered and logged here, to avoid a warning per long session. Throws StartError
  // (cannot_create) if the directory cannot be opened.
  Recorder(const std::string& directory, std::uint64_t limit, Log& log);

  // The directory's descriptor.
  [[nodiscard]] int directory() const noexcept { return directory_.get(); }

  // Call after --user took effect. Throws StartError (cannot_create) if this user may not create files there.
  void check_writable() const;

  // Before the fork: creates "tcpserver.PEER.dat", or "tcpserver.PEER.TIME.dat" if that exists, for the
  // server's user only. Follows no link, overwrites nothing. Logs a failure and returns an empty descriptor.
  [[nodiscard]] NewRecording begin(const base::SocketAddress& peer) noexcept;

  // Describes this file to its session.
  [[nodiscard]] RecordingFile recording_in(int file) const noexcept {
    return {.descriptor = file, .room = limit_};
  }

  // Call after a recorded session. Removes an empty file, and warns if the recording failed.
  void end(const base::SocketAddress& peer, RecordingTime time, const SessionClaims& claims) noexcept;

  // Removes the file of this name if it is empty. Logs a failure, once per hour: some directories allow only
  // the creation of files.
  void remove_if_empty(const base::SocketAddress& peer, RecordingTime time) noexcept;

 private:
  std::string path_;  // for messages
  base::UniqueFd directory_;
  std::uint64_t limit_;
  Log& log_;
  RateLimit open_failures_{std::chrono::seconds(1)};
  RateLimit write_failures_{std::chrono::seconds(1)};
  RateLimit remove_failures_{std::chrono::hours(1)};
};

}  // namespace tcpserver::server
