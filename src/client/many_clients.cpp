#include "client/many_clients.hpp"

#include "tcpserver/base/resolve.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/terminal.hpp"

#include "client/client_pool.hpp"
#include "client/picture.hpp"
#include "client/summary.hpp"

#include <signal.h>

#include <algorithm>
#include <optional>
#include <string>

namespace tcpserver::client {

namespace {

using base::ExitStatus;
using base::PictureInPlace;
using base::StartError;
using base::TerminalSize;

// Where standard output is no terminal, and says nothing of its width.
constexpr std::size_t page_columns = 80;

std::vector<std::string> picture_for(const Timeline& timeline, std::size_t columns, std::size_t rows) {
  return picture(timeline, {.columns = columns, .most_rows = rows}, base::colours_wanted());
}

// As it happens, all of it on the screen.
std::string live_picture(PictureInPlace& place, const Timeline& timeline, TerminalSize size) {
  constexpr std::size_t taken = picture_frame + 1;  // a row is left for the cursor
  const std::size_t room = std::max(size.rows, taken + 1) - taken;
  return place.draw(picture_for(timeline, size.columns, std::min(room, most_picture_rows)), size);
}

// In the end, with the summary. `terminal`: what standard output is, if it is one.
std::string last_picture(PictureInPlace& place, const Timeline& timeline,
                         std::optional<TerminalSize> terminal) {
  const std::size_t columns = terminal ? terminal->columns : page_columns;
  const auto lines = picture_for(timeline, columns, most_picture_rows);
  return (terminal ? place.finish(lines, *terminal) : base::joined(lines)) +
         base::joined(base::wrapped(summary(timeline), columns - 1));
}

void check_replies(const Timeline& timeline) {
  for (const auto& life : timeline.lives) {
    if (!life.failure) continue;
    throw StartError(exit_status_of(life.failure->trouble),
                     "client " + std::to_string(life.id) + ": " + life.failure->sentence);
  }
}

}  // namespace

ExitStatus run_many_clients(const ClientOptions& options) {
  std::optional<base::TimePoint> deadline;
  if (options.timeout) deadline = base::Clock::now() + *options.timeout;
  const auto addresses = base::resolve(options.host, options.port, deadline);

  // Asked anew each time: a terminal's size changes.
  const auto terminal = [&options] { return options.json ? std::nullopt : base::terminal_size(); };
  PictureInPlace place;
  base::FrameWriter frames;
  const auto result = run_clients(options, addresses, [&](const Timeline& timeline) {
    const auto size = terminal();
    if (size && frames.ready()) frames.write(live_picture(place, timeline, *size));
  });
  const Timeline& timeline = result.timeline;
  const auto text = options.json ? timeline_json(timeline) : last_picture(place, timeline, terminal());
  if (result.signal != 0) {
    // Whoever asks for an end gets one, even where nobody reads.
    static_cast<void>(frames.write_within(text, std::chrono::seconds(1)));
    ::raise(result.signal);
  }
  base::print(frames.take_rest() + text);
  check_replies(timeline);
  return ExitStatus::ok;
}

}  // namespace tcpserver::client
