#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/terminal.hpp"

#include "load/result.hpp"
#include "load/script.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace tcpserver::load {

// "[####......] 4512 of 10000 connections, 8104 a second, 0 errors": how far a run is, in one line of so many
// columns.
[[nodiscard]] std::string progress_line(const Result& result, const Script& script,
                                        base::Duration since_start, std::size_t columns);

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
  base::TimePoint began_;
  base::TimePoint next_;
  bool drawn_ = false;
  std::optional<base::FrameWriter> frames_;  // nothing: no terminal, or it is gone
  base::PictureInPlace place_;
};

}  // namespace tcpserver::load
