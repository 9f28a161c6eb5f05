#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Output to a terminal, or to a file or pipe in its place.
namespace tcpserver::base {

struct TerminalSize {
  std::size_t columns;
  std::size_t rows;
};

// Returns nullopt if the descriptor is not a terminal, or TERM=dumb.
[[nodiscard]] std::optional<TerminalSize> terminal_size(int fd = STDOUT_FILENO);

// True if standard output is a terminal with colours, and NO_COLOR is unset or empty (no-color.org).
[[nodiscard]] bool colours_wanted();

// Writes to standard output. Throws StartError (io_error) on failure.
void print(std::string_view text);

// Returns "#####.....": `width` characters, of which part / whole are '#'. A part above zero has at least one
// '#'; a part below the whole has at least one dot.
[[nodiscard]] std::string bar(std::uint64_t part, std::uint64_t whole, std::size_t width);

// Breaks the text at blanks into lines of at most `width` columns. A longer word gets its own line.
[[nodiscard]] std::vector<std::string> wrap_words(std::string_view text, std::size_t width);

// Returns the width for prose: that of the terminal without its last column, at most 100. nullopt if the
// descriptor is not a terminal.
[[nodiscard]] std::optional<std::size_t> prose_width(int fd = STDOUT_FILENO);

// Breaks lines that are longer than `width`. Continuation lines are indented like their line, plus `indent`
// columns.
[[nodiscard]] std::string wrap_lines(std::string_view text, std::size_t width, std::size_t indent = 0);

// Prints the text, with wrap_lines() if standard output is a terminal. Throws StartError (io_error).
void print_prose(std::string_view text);

// Returns the lines as one text, each followed by a newline.
[[nodiscard]] std::string join_lines(const std::vector<std::string>& lines);

// Draws text of a few lines, and redraws it in the same place.
class PictureInPlace {
 public:
  // Returns the bytes to write to a terminal of this size. Cuts lines that do not fit. Colours (ECMA-48 SGR)
  // take no columns. The cursor ends below the last line, so other output does not overwrite the picture.
  [[nodiscard]] std::string draw(const std::vector<std::string>& lines, TerminalSize size) {
    return draw_rows(lines, size, std::max<std::size_t>(size.rows, 2) - 1);
  }

  // Does the same for the last picture, which may scroll if it is higher than the terminal.
  [[nodiscard]] std::string finish(const std::vector<std::string>& lines, TerminalSize size) {
    return draw_rows(lines, size, lines.size());
  }

 private:
  std::string draw_rows(const std::vector<std::string>& lines, TerminalSize size, std::size_t rows);

  std::size_t lines_drawn_ = 0;
  std::size_t widest_drawn_ = 0;  // in columns
};

// Writes frames to standard output or error without blocking, even if a terminal is stopped (Ctrl-S) or a
// pipe is not read. The caller skips frames until ready(). ready(), write() and write_within() throw
// StartError (io_error) if a write fails.
class FrameWriter {
 public:
  explicit FrameWriter(int fd = STDOUT_FILENO) noexcept;

  // True if it writes to a descriptor of its own (open_nonblocking), so that the caller's may be closed.
  [[nodiscard]] bool has_own_descriptor() const noexcept { return static_cast<bool>(own_); }

  // True if the terminal or pipe has accepted the whole last frame. Only then may the next one be written.
  [[nodiscard]] bool ready();

  // Writes as much as the terminal or pipe accepts now, and keeps the rest for ready().
  void write(std::string frame);

  // Writes the rest of the last frame, then the text. False if not all was accepted within this time.
  bool write_within(std::string_view text, Duration limit);

  // Waits until ready() may return true, at most for `limit` (nullopt: forever). Returns early if a signal
  // arrives. `mask` as in ppoll(2).
  void wait(std::optional<Duration> limit, const sigset_t* mask) const;

  // Ends the process with this signal, as a shell expects after Ctrl-C. First writes the text if that works
  // within a second: the signal may also have ended the reader of a pipe.
  void end_by_signal(std::string_view text, int signal);

  // Removes and returns the text that was not accepted yet. Print it before anything else.
  [[nodiscard]] std::string take_unwritten() { return std::exchange(rest_, {}); }

 private:
  void write_rest();

  UniqueFd own_;
  int fd_;
  bool is_error_;  // standard error, not output
  std::string rest_;
};

}  // namespace tcpserver::base
