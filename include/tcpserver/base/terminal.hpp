#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Standard output, or error, and what it can do where it is a terminal.
namespace tcpserver::base {

struct TerminalSize {
  std::size_t columns;
  std::size_t rows;
};

// Of the terminal that this descriptor is. Nothing: it is none, or one that only prints (TERM=dumb).
[[nodiscard]] std::optional<TerminalSize> terminal_size(int fd = STDOUT_FILENO);

// Whether to colour: standard output is a terminal that takes more than text, and the variable NO_COLOR is
// not set or empty (no-color.org).
[[nodiscard]] bool colours_wanted();

// Writes to standard output. Throws StartError (io_error) where it cannot.
void print(std::string_view text);

// The text as lines of at most `width` columns, broken at blanks; a longer word has a line of its own.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t width);

// The lines, each with its newline.
[[nodiscard]] std::string joined(const std::vector<std::string>& lines);

// A picture of a few lines, each drawn over the last.
class PictureInPlace {
 public:
  // What to write to the terminal, whose size is asked anew for each picture. Lines that are too long or too
  // many are cut. They may have colours (ECMA-48 SGR), which take no room. The cursor ends below the last
  // line, so that whatever is printed next, by whomever, leaves the picture as it is.
  [[nodiscard]] std::string draw(const std::vector<std::string>& lines, TerminalSize size);

  // The same for the last picture, which may be higher than the terminal: it scrolls.
  [[nodiscard]] std::string finish(const std::vector<std::string>& lines, TerminalSize size);

 private:
  std::string draw_rows(const std::vector<std::string>& lines, TerminalSize size, std::size_t rows);

  std::size_t lines_drawn_ = 0;
  std::size_t widest_drawn_ = 0;  // in columns
};

// Pictures that may be left out, to the terminal that standard output (or error) is: one that is stopped
// (Ctrl-S), or that nobody reads, delays nobody.
class FrameWriter {
 public:
  explicit FrameWriter(int fd = STDOUT_FILENO) noexcept;

  // Whether the terminal has taken all of the last frame; only then may the next one be written.
  // Throws StartError (io_error) where the terminal is gone.
  [[nodiscard]] bool ready();

  // Writes what the terminal takes now, and keeps the rest for ready().
  void write(std::string frame);

  // Writes this behind what is left, and gives up after a while: false.
  bool write_within(std::string_view text, Duration limit);

  // What was not taken, and has to be printed before anything else.
  [[nodiscard]] std::string take_rest() { return std::exchange(rest_, {}); }

 private:
  void write_rest();

  UniqueFd own_;
  int fd_;
  bool is_error_;  // standard error, and not output
  std::string rest_;
};

}  // namespace tcpserver::base
