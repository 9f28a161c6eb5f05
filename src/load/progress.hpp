#pragma once

#include "tcpserver/load/result.hpp"
#include "tcpserver/load/script.hpp"
#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/terminal.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace tcpserver::load {

// "[####......] 4512 of 10000 connections, 8104 a second, 0 errors": how far a run is, in one line of so many
// columns.
[[nodiscard]] std::string progress_line(const Result& result, const Script& script,
                                        posix::Duration since_start, std::size_t columns);

// A line on standard error where that is a terminal, for runs that take a while. A terminal that takes
// nothing is left alone: it delays nobody.
class Progress {
 public:
  explicit Progress(const Script& script);
  ~Progress() { remove(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // May be called as often as one likes; draws a few times a second.
  void show(const Result& result);

  // Leaves the terminal as it was.
  void remove();

 private:
  const Script script_;
  posix::TimePoint began_;
  posix::TimePoint next_;
  bool drawn_ = false;
  std::optional<posix::FrameWriter> frames_;  // nothing: no terminal, or it is gone
  posix::PictureInPlace place_;
};

}  // namespace tcpserver::load
