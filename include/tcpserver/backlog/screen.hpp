#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What tcpbacklog draws with.
namespace tcpserver::backlog {

// "#####.....": of `width` characters as many as part / whole says are '#', the rest dots. Any part above
// zero shows at least one '#', and only the whole (or more) shows no dot.
[[nodiscard]] std::string bar(std::uint64_t part, std::uint64_t whole, std::size_t width);

struct TerminalSize {
  std::size_t columns;
  std::size_t rows;
};

// Of the terminal that standard output is. Nothing: it is none, or one that only prints (TERM=dumb).
[[nodiscard]] std::optional<TerminalSize> terminal_size();

// Writes to standard output. Throws StartError (io_error) where it cannot.
void print(std::string_view text);

}  // namespace tcpserver::backlog
