#include "load/load.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/resolve.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"

#include "load/driver.hpp"
#include "load/report.hpp"

#include <signal.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

namespace tcpserver::load {

namespace {

using base::ExitStatus;
using base::StartError;

// Who waits less is told nothing.
constexpr auto quiet_time = std::chrono::seconds(1);
constexpr auto between_frames = std::chrono::milliseconds(250);

// A line on standard error where that is a terminal, for runs that take a while. A terminal that takes
// nothing is left alone: it delays nobody.
class Progress {
 public:
  explicit Progress(const Script& script) : script_(script) {
    if (base::terminal_size(STDERR_FILENO)) frames_.emplace(STDERR_FILENO);
  }
  ~Progress() { remove(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // May be called as often as one likes; draws a few times per second.
  void show(const Result& result) {
    const auto now = base::Clock::now();
    if (!frames_ || now < next_) return;
    next_ = now + between_frames;
    const auto size = base::terminal_size(STDERR_FILENO);
    try {
      if (!size || !frames_->ready()) return;
      frames_->write(place_.draw({progress_line(result, script_, now - began_, size->columns)}, *size));
      drawn_ = true;
    } catch (const StartError&) {
      frames_.reset();  // a terminal that is gone is no reason to end a measurement
    }
  }

  // Leaves the terminal as it was.
  void remove() {
    if (!frames_ || !std::exchange(drawn_, false)) return;
    const auto size = base::terminal_size(STDERR_FILENO);
    if (!size) return;
    try {
      // Whoever has stopped the terminal reads nothing now, and gets the report behind what was drawn.
      static_cast<void>(frames_->write_within(place_.draw({}, *size), std::chrono::milliseconds(200)));
    } catch (const StartError&) {
      frames_.reset();
    }
  }

 private:
  const Script script_;
  const base::TimePoint began_ = base::Clock::now();
  base::TimePoint next_ = began_ + quiet_time;
  bool drawn_ = false;
  std::optional<base::FrameWriter> frames_;  // nullopt: no terminal, or it is gone
  base::PictureInPlace place_;
};

void log_holding(const Result& result, const LoadOptions& options) {
  const std::string line = "tcpload: holding " + std::to_string(result.held) + " connections for " +
                           base::duration_text(options.hold) + "\n";
  static_cast<void>(base::write_all(STDERR_FILENO, line));
}

Result run_driver(const LoadOptions& options) {
  client::need_descriptors("--concurrency", options.concurrency);
  auto addresses = base::resolve(options.host, options.port, base::Clock::now() + options.timeout);
  const auto script = make_script(options);
  Progress progress(script);
  const auto tick = [&progress](const Result& result) {
    if (!result.opened_after) progress.show(result);
  };
  const auto holding = [&](const Result& result) {
    progress.remove();
    log_holding(result, options);
  };
  return Driver(options, std::move(addresses), {.tick = tick, .holding = holding}).run();
}

std::string format_report(const Result& result, const LoadOptions& options) {
  if (options.json) return report_json(result, options);
  auto text = base::joined(report_lines(result, options));
  if (const auto terminal = base::terminal_size()) {
    text += base::joined(chart(result.latencies, terminal->columns, base::colours_wanted()));
  }
  return text;
}

}  // namespace

ExitStatus run_load(const LoadOptions& options) {
  const auto result = run_driver(options);
  const std::string text = format_report(result, options);
  if (result.signal != 0) {
    // Whoever asks for an end gets one, even where nobody reads.
    static_cast<void>(base::FrameWriter().write_within(text, std::chrono::seconds(1)));
    ::raise(result.signal);
  }
  base::print(text);
  if (!result.first_error) return ExitStatus::ok;
  throw StartError(error_kinds[index_of(result.first_error->kind)].exit_status, result.first_error->sentence);
}

}  // namespace tcpserver::load
