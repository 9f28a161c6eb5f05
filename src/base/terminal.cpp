#include "tcpserver/base/terminal.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/signals.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <thread>

namespace tcpserver::base {

namespace {

struct CutLine {
  std::string text;
  std::size_t width = 0;  // in columns
};

// Cuts the line to this width. Control sequences take no columns. Those beyond the width are kept, because
// they may switch off a colour.
CutLine cut_line(std::string_view line, std::size_t width) {
  CutLine result;
  bool in_sequence = false;
  for (const char c : line) {
    if (c == '\x1b') in_sequence = true;
    if (in_sequence || result.width < width) result.text += c;
    if (!in_sequence && result.width < width) ++result.width;
    if (c == 'm') in_sequence = false;
  }
  return result;
}

}  // namespace

std::optional<TerminalSize> terminal_size(int fd) {
  const char* const kind = std::getenv("TERM");
  if (::isatty(fd) == 0 || (kind != nullptr && std::string_view(kind) == "dumb")) return std::nullopt;
  constexpr TerminalSize usual{.columns = 80, .rows = 24};
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return usual;
  return TerminalSize{.columns = size.ws_col, .rows = size.ws_row};
}

bool colours_wanted() {
  const char* const unwanted = std::getenv("NO_COLOR");
  return terminal_size() && (unwanted == nullptr || *unwanted == '\0');
}

void print(std::string_view text) {
  if (!write_all(STDOUT_FILENO, text)) {
    throw system_error("write to standard output", errno, ExitStatus::io_error);
  }
}

std::string bar(std::uint64_t part, std::uint64_t whole, std::size_t width) {
  if (width == 0) return "";
  if (part >= whole) return std::string(width, part == 0 ? '.' : '#');
  const double share = static_cast<double>(part) / static_cast<double>(whole);
  auto filled = static_cast<std::size_t>(std::lround(share * static_cast<double>(width)));
  filled = std::clamp<std::size_t>(filled, part > 0 ? 1 : 0, width > 1 ? width - 1 : 1);
  return std::string(filled, '#') + std::string(width - filled, '.');
}

std::vector<std::string> wrap_words(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (!lines.empty() && lines.back().size() + 1 + word.size() <= width) {
      lines.back().append(" ").append(word);
    } else {
      lines.emplace_back(word);
    }
  }
  return lines;
}

std::optional<std::size_t> prose_width(int fd) {
  constexpr std::size_t widest = 100;  // longer lines are hard to read
  constexpr std::size_t narrowest = 20;
  const auto size = terminal_size(fd);
  if (!size) return std::nullopt;
  return std::clamp(size->columns - 1, narrowest, widest);
}

std::string wrap_lines(std::string_view text, std::size_t width, std::size_t indent) {
  std::string result;
  while (!text.empty()) {
    const bool ended = text.find('\n') != std::string_view::npos;
    auto rest = take_until(text, '\n');
    const auto first_word = std::min(rest.find_first_not_of(' '), rest.size());
    result += rest.substr(0, first_word);
    rest.remove_prefix(first_word);
    std::size_t column = first_word;
    while (column + rest.size() > width) {
      auto end = rest.rfind(' ', width - std::min(column, width));
      if (end == std::string_view::npos) end = rest.find(' ');  // the word is wider than the line
      if (end == std::string_view::npos) break;
      column = first_word + indent;
      result.append(rest.substr(0, end)).append("\n").append(column, ' ');
      rest.remove_prefix(end + 1);
    }
    result += rest;
    if (ended) result += '\n';
  }
  return result;
}

void print_prose(std::string_view text) {
  const auto width = prose_width();
  print(width ? wrap_lines(text, *width) : std::string(text));
}

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text.append(line).append("\n");
  return text;
}

// Moves the cursor up to the first line of the last picture, then redraws each line and erases its rest
// (ECMA-48: CUU, EL, ED). The last column stays free, because erasing from there would erase the last
// character.
std::string PictureInPlace::draw_rows(const std::vector<std::string>& lines, TerminalSize size,
                                      std::size_t rows) {
  std::string text;
  if (widest_drawn_ > size.columns) {
    // The window became narrower. Some terminals rewrap old lines, so their number is unknown: clear the
    // screen.
    text = "\x1b[H\x1b[2J";
  } else if (const auto up = std::min(lines_drawn_, size.rows - 1); up > 0) {
    text = "\x1b[" + std::to_string(up) + "A\r";
  }
  lines_drawn_ = std::min(lines.size(), rows);
  widest_drawn_ = 0;
  for (std::size_t i = 0; i < lines_drawn_; ++i) {
    const auto line = cut_line(lines[i], size.columns - 1);
    widest_drawn_ = std::max(widest_drawn_, line.width);
    text += line.text + "\x1b[K\n";
  }
  return text + "\x1b[J";
}

FrameWriter::FrameWriter(int fd) noexcept
    : own_(open_nonblocking(fd)), fd_(own_ ? own_.get() : fd), is_error_(fd == STDERR_FILENO) {}

bool FrameWriter::ready() {
  write_rest();
  return rest_.empty();
}

void FrameWriter::write(std::string frame) {
  rest_ = std::move(frame);
  write_rest();
}

bool FrameWriter::write_within(std::string_view text, Duration limit) {
  rest_ += text;
  const auto deadline = Clock::now() + limit;
  while (!ready()) {
    const auto left = time_left(deadline);
    if (*left == Duration::zero()) return false;
    wait(left, nullptr);
  }
  return true;
}

void FrameWriter::wait(std::optional<Duration> limit, const sigset_t* mask) const {
  const timespec time = to_timespec(limit.value_or(Duration::zero()));
  pollfd polled{.fd = fd_, .events = POLLOUT, .revents = 0};
  if (::ppoll(&polled, 1, limit ? &time : nullptr, mask) <= 0) return;
  // A stopped terminal may poll as writable but accept nothing. The sleep avoids a busy loop.
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

void FrameWriter::end_by_signal(std::string_view text, int signal) {
  set_disposition(SIGPIPE, SIG_IGN);  // tcpclient may have restored the default
  try {
    static_cast<void>(write_within(text, std::chrono::seconds(1)));
  } catch (const StartError&) {  // the signal tells the caller more than this error
  }
  ::raise(signal);
}

void FrameWriter::write_rest() {
  while (!rest_.empty()) {
    // A blocking descriptor is polled first. Then a write of up to PIPE_BUF bytes does not block (pipe(7)).
    pollfd polled{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (!own_ && ::poll(&polled, 1, 0) == 0) return;
    const ssize_t count =
        ::write(fd_, rest_.data(), own_ ? rest_.size() : std::min<std::size_t>(rest_.size(), PIPE_BUF));
    if (count >= 0) {
      rest_.erase(0, static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR) {
      throw system_error(is_error_ ? "write to standard error" : "write to standard output", errno,
                         ExitStatus::io_error);
    }
  }
}

}  // namespace tcpserver::base
