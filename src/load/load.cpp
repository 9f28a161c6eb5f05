#include "load/load.hpp"

#include "tcpserver/base/resolve.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/cli/program.hpp"

#include "load/driver.hpp"
#include "load/report.hpp"

#include <unistd.h>

namespace tcpserver::load {

namespace {

// Shorter runs show no progress.
constexpr auto quiet_time = std::chrono::seconds(1);
constexpr auto between_frames = std::chrono::milliseconds(250);

// The progress line, if standard error is a terminal. A terminal that is stopped or closed does not disturb
// the run.
class Progress {
 public:
  explicit Progress(const LoadOptions& options) : options_(options) {
    if (base::terminal_size(STDERR_FILENO)) frames_.emplace(STDERR_FILENO);
  }
  ~Progress() { remove(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Draws a few times per second at most.
  void show(const Result& result) {
    const auto now = base::Clock::now();
    if (now < next_) return;
    next_ = now + between_frames;
    draw([&](base::TerminalSize size) {
      if (!frames_->ready()) return;
      frames_->write(place_.draw({format_progress(result, options_, now - start_time_, size.columns)}, size));
      drawn_ = true;
    });
  }

  // On a stopped terminal, the line stays, and the report follows it.
  void remove() {
    if (!std::exchange(drawn_, false)) return;
    draw([&](base::TerminalSize size) {
      static_cast<void>(frames_->write_within(place_.draw({}, size), std::chrono::milliseconds(200)));
    });
  }

 private:
  void draw(auto write) {
    const auto size = base::terminal_size(STDERR_FILENO);
    if (!frames_ || !size) return;
    try {
      write(*size);
    } catch (const base::StartError&) {
      frames_.reset();
    }
  }

  const LoadOptions& options_;
  const base::TimePoint start_time_ = base::Clock::now();
  base::TimePoint next_ = start_time_ + quiet_time;
  bool drawn_ = false;
  std::optional<base::FrameWriter> frames_;
  base::PictureInPlace place_;
};

Result run_driver(const LoadOptions& options) {
  client::require_descriptors("--concurrency", options.concurrency);
  auto addresses = base::resolve(options.host, options.port, base::Clock::now() + options.timeout);
  Progress progress(options);
  bool holding = false;
  const auto watch = [&](const Result& result) {
    if (!result.holding) return progress.show(result);
    if (std::exchange(holding, true)) return;
    progress.remove();
    cli::print_error("tcpload", "holding " + std::to_string(result.held) +
                                    (result.held == 1 ? " connection for " : " connections for ") +
                                    base::format_duration(options.hold));
  };
  return Driver(options, std::move(addresses), watch).run();
}

}  // namespace

base::ExitStatus run_load(const LoadOptions& options) {
  const auto result = run_driver(options);
  const bool connected = result.bytes_sent > 0 || !result.first_error;
  // Without a connection there is nothing to report.
  if (!connected && !options.json && result.signal == 0) throw *result.first_error;
  std::string text;
  if (options.json) {
    text = format_report_json(result, options);
  } else {
    const auto width = base::prose_width();
    text = base::join_lines(format_report(result, options));
    if (width) text = base::wrap_lines(text, *width, report_label_width);
  }
  if (const auto terminal = base::terminal_size(); terminal && !options.json) {
    text += base::join_lines(draw_chart(result.latencies, terminal->columns, base::colours_wanted()));
  }
  if (result.signal != 0) base::FrameWriter().end_by_signal(text, result.signal);
  base::print(text);
  if (result.first_error) throw *result.first_error;
  return base::ExitStatus::ok;
}

}  // namespace tcpserver::load
