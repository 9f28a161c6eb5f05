#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/report/log.hpp"

#include <optional>
#include <string>

namespace tcpserver::server {

// The line on standard output that names the ports. It never blocks: a pipe that is full or a terminal that
// is stopped gets the line as soon as it accepts it, while clients are served.
class Announcement {
 public:
  // Call before Landlock, which may forbid opening a terminal again. A daemon (`keep_open`) replaces standard
  // output when it is ready, so this object keeps a descriptor of its own until the line is written.
  Announcement(bool keep_open, Log& log) noexcept;

  // Writes the line now or later. `ports` is "port 54321". Logs a failure.
  void write(const std::string& ports);

  // Drops the line, and closes the descriptors.
  void discard() noexcept;

  // Tries again if the time has come.
  void after_wait(base::TimePoint now) noexcept;

  // Returns the time of the next try; nullopt if nothing is left to write.
  [[nodiscard]] std::optional<base::TimePoint> due() const noexcept { return due_; }

 private:
  // Writes the text, or the rest of an earlier one if it is empty.
  void try_to_write(std::string text) noexcept;

  Log& log_;
  base::UniqueFd copy_;  // a duplicate, if the writer could not reopen standard output
  std::optional<base::FrameWriter> writer_;
  std::string ports_;
  std::optional<base::TimePoint> due_;
  base::Duration interval_;  // between two tries
};

}  // namespace tcpserver::server
