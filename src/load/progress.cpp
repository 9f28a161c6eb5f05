#include "load/progress.hpp"

#include "tcpserver/base/bar.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <unistd.h>

#include <algorithm>

namespace tcpserver::load {

namespace {

// Who waits less is told nothing.
constexpr auto quiet_time = std::chrono::seconds(1);
constexpr auto between_frames = std::chrono::milliseconds(250);
constexpr std::size_t widest_bar = 40;
constexpr std::size_t narrowest_bar = 5;

struct Part {
  std::uint64_t done;
  std::uint64_t all;
  std::string text;
};

Part part_of(const Result& result, const Script& script) {
  if (script.until_end) {
    const std::uint64_t all = script.connections * script.size;
    return {result.bytes_received, all,
            std::to_string(result.bytes_received >> 20U) + " of " + std::to_string(all >> 20U) + " MiB"};
  }
  if (script.hold) {
    return {result.held + result.connections, script.connections,
            std::to_string(result.held) + " of " + std::to_string(script.connections) + " connections open"};
  }
  if (script.rounds > 1) {
    const std::uint64_t all = script.connections * script.rounds;
    return {result.rounds, all,
            std::to_string(result.rounds) + " of " + std::to_string(all) + " round trips"};
  }
  return {result.connections, script.connections,
          std::to_string(result.connections) + " of " + std::to_string(script.connections) + " connections"};
}

}  // namespace

std::string progress_line(const Result& result, const Script& script, base::Duration since_start,
                          std::size_t columns) {
  const auto part = part_of(result, script);
  const double seconds = std::chrono::duration<double>(since_start).count();
  std::string text = "] " + part.text;
  if (!script.until_end && seconds > 0) {
    text += base::formatted(", %.0f a second", static_cast<double>(part.done) / seconds);
  }
  text += ", " + std::to_string(result.errors()) + (result.errors() == 1 ? " error" : " errors");
  const std::size_t taken = text.size() + 2;  // the bracket, and the last column, which stays free
  const std::size_t room = columns > taken ? columns - taken : 0;
  return "[" + base::bar(part.done, part.all, std::clamp(room, narrowest_bar, widest_bar)) + text;
}

Progress::Progress(const Script& script)
    : script_(script), began_(base::Clock::now()), next_(began_ + quiet_time) {
  if (base::terminal_size(STDERR_FILENO)) frames_.emplace(STDERR_FILENO);
}

void Progress::show(const Result& result) {
  const auto now = base::Clock::now();
  if (!frames_ || now < next_) return;
  next_ = now + between_frames;
  const auto size = base::terminal_size(STDERR_FILENO);
  try {
    if (!size || !frames_->ready()) return;
    frames_->write(place_.draw({progress_line(result, script_, now - began_, size->columns)}, *size));
    drawn_ = true;
  } catch (const base::StartError&) {
    frames_.reset();  // a terminal that is gone is no reason to end a measurement
  }
}

void Progress::remove() {
  if (!frames_ || !drawn_) return;
  drawn_ = false;
  const auto size = base::terminal_size(STDERR_FILENO);
  if (!size) return;
  try {
    // Whoever has stopped the terminal reads nothing now, and gets the report behind what was drawn.
    static_cast<void>(frames_->write_within(place_.draw({}, *size), std::chrono::milliseconds(200)));
  } catch (const base::StartError&) {
    frames_.reset();
  }
}

}  // namespace tcpserver::load
