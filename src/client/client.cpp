#include "tcpserver/client/client.hpp"

#include "tcpserver/client/crowd.hpp"
#include "tcpserver/client/dial.hpp"
#include "tcpserver/client/exchange.hpp"
#include "tcpserver/client/picture.hpp"
#include "tcpserver/client/prompt.hpp"
#include "tcpserver/posix/system_error.hpp"
#include "tcpserver/posix/terminal.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace tcpserver::client {

namespace {

using options::ClientOptions;
using posix::ExitStatus;
using posix::StartError;

void hold(const ClientOptions& options) {
  std::this_thread::sleep_for(options.delay);
}

// The streaming counterpart of asking first: no connection is held while there is nothing to send.
void wait_for_input() {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  while (::poll(&input, 1, -1) < 0) {
    if (errno != EINTR) throw posix::system_error("wait for input");
  }
}

ExitStatus stream(const ClientOptions& options) {
  if (options.ask_first) wait_for_input();
  const auto connection = dial(options.host, options.port, options.timeout);
  hold(options);
  exchange(connection.get(), {.fd = STDIN_FILENO, .text = {}}, STDOUT_FILENO, options.timeout);
  return ExitStatus::ok;
}

ExitStatus say_sentence(const ClientOptions& options) {
  std::optional<std::string> sentence;
  if (options.message) sentence = *options.message + "\n";
  if (options.ask_first) {
    sentence = ask_for_sentence(-1);
    if (!sentence) return ExitStatus::ok;
  }
  const auto connection = dial(options.host, options.port, options.timeout);
  if (!sentence) sentence = ask_for_sentence(connection.get());
  if (!sentence) return ExitStatus::ok;

  hold(options);
  const auto totals =
      exchange(connection.get(), {.fd = -1, .text = *sentence}, STDOUT_FILENO, options.timeout);
  if (totals.received == 0) {
    throw StartError(ExitStatus::protocol, "the server closed the connection without a reply");
  }
  return ExitStatus::ok;
}

// Where standard output is no terminal, and says nothing of its width.
constexpr posix::TerminalSize page{.columns = 80, .rows = 60};

// Below the picture there is room for the verdict and the shell's next prompt.
constexpr std::size_t rows_below = 5;

std::vector<std::string> picture_for(const Timeline& timeline, posix::TerminalSize size) {
  constexpr std::size_t taken = picture_frame + rows_below;
  const std::size_t room = std::max(size.rows, taken + 1) - taken;
  return picture(timeline, {.columns = size.columns, .most_rows = std::min(room, most_picture_rows)},
                 posix::colours_wanted());
}

// Fails as the first client that failed.
void check_replies(const Timeline& timeline) {
  const auto failed = [](const ClientLife& life) { return life.failure.has_value(); };
  const auto& lives = timeline.lives;
  const auto first = std::find_if(lives.begin(), lives.end(), failed);
  if (first == lives.end()) return;
  throw StartError(exit_status_of(first->failure->trouble),
                   std::to_string(std::count_if(lives.begin(), lives.end(), failed)) + " of " +
                       std::to_string(lives.size()) + (lives.size() == 1 ? " client" : " clients") +
                       " got no right reply; client " + std::to_string(first->id) + ": " +
                       first->failure->sentence);
}

ExitStatus be_many(const ClientOptions& options) {
  std::optional<posix::TimePoint> deadline;
  if (options.timeout) deadline = posix::Clock::now() + *options.timeout;
  const auto addresses = resolve(options.host, options.port, deadline);

  posix::PictureInPlace place;
  const auto result = run_crowd(options, addresses, [&](const Timeline& timeline) {
    // Asked anew each time: a terminal's size changes.
    const auto terminal = options.json ? std::nullopt : posix::terminal_size();
    if (terminal) posix::print(place.draw(picture_for(timeline, *terminal), *terminal));
  });
  const Timeline& timeline = result.timeline;
  const auto terminal = posix::terminal_size();
  std::string text;
  if (options.json) {
    text = timeline_json(timeline);
  } else {
    if (!terminal) text = posix::joined(picture_for(timeline, page));
    text += posix::joined(posix::wrapped(verdict(timeline), terminal.value_or(page).columns - 1));
  }
  posix::print(text);
  if (result.signal != 0) ::raise(result.signal);  // whoever sent it sees that it was heard
  check_replies(timeline);
  return ExitStatus::ok;
}

}  // namespace

ExitStatus run_client(const ClientOptions& options) {
  if (options.clients > 0) return be_many(options);
  const bool streaming = !options.message && ::isatty(STDIN_FILENO) == 0;
  return streaming ? stream(options) : say_sentence(options);
}

}  // namespace tcpserver::client
