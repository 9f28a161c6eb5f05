#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Standard output, and what it can do where it is a terminal.
namespace tcpserver::posix {

struct TerminalSize {
  std::size_t columns;
  std::size_t rows;
};

// Of the terminal that standard output is. Nothing: it is none, or one that only prints (TERM=dumb).
[[nodiscard]] std::optional<TerminalSize> terminal_size();

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

 private:
  std::size_t lines_drawn_ = 0;
  std::size_t widest_drawn_ = 0;  // in columns
};

}  // namespace tcpserver::posix
