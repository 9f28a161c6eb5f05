#include "tcpserver/backlog/screen.hpp"

#include "tcpserver/posix/io.hpp"
#include "tcpserver/posix/system_error.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace tcpserver::backlog {

std::string bar(std::uint64_t part, std::uint64_t whole, std::size_t width) {
  if (width == 0) return "";
  if (part >= whole) return std::string(width, part == 0 ? '.' : '#');
  const double share = static_cast<double>(part) / static_cast<double>(whole);
  auto filled = static_cast<std::size_t>(std::lround(share * static_cast<double>(width)));
  filled = std::clamp<std::size_t>(filled, part > 0 ? 1 : 0, width > 1 ? width - 1 : 1);
  return std::string(filled, '#') + std::string(width - filled, '.');
}

std::optional<TerminalSize> terminal_size() {
  const char* const kind = std::getenv("TERM");
  if (::isatty(STDOUT_FILENO) == 0 || (kind != nullptr && std::string_view(kind) == "dumb"))
    return std::nullopt;
  constexpr TerminalSize usual{.columns = 80, .rows = 24};
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return usual;
  return TerminalSize{.columns = size.ws_col, .rows = size.ws_row};
}

void print(std::string_view text) {
  if (!posix::write_all(STDOUT_FILENO, text)) {
    throw posix::system_error("write to standard output", errno, posix::ExitStatus::io_error);
  }
}

}  // namespace tcpserver::backlog
