#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Standard output and error, and what they can do if they are a terminal.
namespace tcpserver::base {

struct TerminalSize {
  std::size_t columns;
  std::size_t rows;
};

// nullopt if the descriptor is no terminal, or one that only prints (TERM=dumb).
[[nodiscard]] std::optional<TerminalSize> terminal_size(int fd = STDOUT_FILENO);

// True if standard output is a terminal that can show colours and NO_COLOR is unset or empty (no-color.org).
[[nodiscard]] bool colours_wanted();

// Writes to standard output. Throws StartError (io_error) on failure.
void print(std::string_view text);

// "#####.....": `width` characters, of which part / whole are '#'. Any part above zero shows at least one
// '#', and only the whole (or more) shows no dot.
[[nodiscard]] std::string bar(std::uint64_t part, std::uint64_t whole, std::size_t width);

// Breaks the text at blanks into lines of at most `width` columns; a longer word has a line of its own.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t width);

// The width for prose: that of the terminal without its last column, but at most 100. nullopt if the
// descriptor is no terminal.
[[nodiscard]] std::optional<std::size_t> prose_width(int fd = STDOUT_FILENO);

// Breaks the lines of a text that are longer than `width`. A continuation begins below the first word of its
// line, and `indent` columns to the right of it. Lines that fit stay as they are.
[[nodiscard]] std::string wrap_lines(std::string_view text, std::size_t width, std::size_t indent = 0);

// Prints the text, with wrap_lines() if standard output is a terminal. Throws StartError (io_error).
void print_prose(std::string_view text);

// The lines, each with a newline.
[[nodiscard]] std::string joined(const std::vector<std::string>& lines);

// A picture of a few lines, each drawn over the last one.
class PictureInPlace {
 public:
  // Returns what to write to a terminal of this size. Lines that are too long or too many are cut. Colours
  // (ECMA-48 SGR) take no room. The cursor ends below the last line, so other output leaves the picture
  // alone.
  [[nodiscard]] std::string draw(const std::vector<std::string>& lines, TerminalSize size) {
    return draw_rows(lines, size, std::max<std::size_t>(size.rows, 2) - 1);
  }

  // The same for the last picture, which may be higher than the terminal: it scrolls.
  [[nodiscard]] std::string finish(const std::vector<std::string>& lines, TerminalSize size) {
    return draw_rows(lines, size, lines.size());
  }

 private:
  std::string draw_rows(const std::vector<std::string>& lines, TerminalSize size, std::size_t rows);

  std::size_t lines_drawn_ = 0;
  std::size_t widest_drawn_ = 0;  // in columns
};

// Writes pictures that may be left out to the terminal of standard output or error. A terminal that is
// stopped (Ctrl-S) or that nobody reads delays nobody. All but take_rest() throw StartError (io_error) if it
// is gone.
class FrameWriter {
 public:
  explicit FrameWriter(int fd = STDOUT_FILENO) noexcept;

  // True if the terminal has taken all of the last frame; only then may the next one be written.
  [[nodiscard]] bool ready();

  // Writes what the terminal takes now, and keeps the rest for ready().
  void write(std::string frame);

  // Writes this after the rest of the last frame. False if the terminal has not taken all within this time.
  bool write_within(std::string_view text, Duration limit);

  // Removes and returns the text that the terminal has not accepted yet. Print it before anything else.
  [[nodiscard]] std::string take_rest() { return std::exchange(rest_, {}); }

 private:
  void write_rest();

  UniqueFd own_;
  int fd_;
  bool is_error_;  // standard error, not output
  std::string rest_;
};

}  // namespace tcpserver::base
