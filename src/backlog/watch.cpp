#include "backlog/watch.hpp"

#include "tcpserver/base/json.hpp"
#include "tcpserver/base/stop_signals.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/kernel/process_table.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace tcpserver::backlog {

using base::Clock;
using base::ExitStatus;

namespace {

constexpr std::size_t bar_width = 20;
constexpr std::size_t history_length = 60;

// The number of connections that fill the bar. A queue with limit n holds n + 1.
std::uint64_t find_capacity(const Sample::Queue& queue) {
  return queue.now.limit ? std::uint64_t{*queue.now.limit} + 1 : std::max(1U, queue.longest);
}

// Orders queues by how full they are. An unknown limit counts as empty.
std::pair<double, std::uint32_t> fullness(const kernel::ObservedListener& listener) {
  const double share = listener.limit ? listener.length / (*listener.limit + 1.0) : 0;
  return {share, listener.length};
}

bool is_full(const kernel::ObservedListener& listener) {
  return listener.limit && listener.length > *listener.limit;
}

std::string number_or_unknown(const std::optional<std::uint32_t>& number) {
  return number ? std::to_string(*number) : "?";
}

std::string format_counters(const Sample& sample) {
  const std::string name = "all ports: ListenOverflows ";
  if (!sample.since_start) return name + "?, ListenDrops ?";
  return name + std::to_string(sample.since_start->overflows) + ", ListenDrops " +
         std::to_string(sample.since_start->drops);
}

std::string format_owner(const Sample::Queue& queue) {
  if (!queue.owner) return "unknown process (owned by another user)";
  return queue.owner->name + " (pid " + std::to_string(queue.owner->pid) + ")";
}

std::string format_queue(const Sample::Queue& queue) {
  return "queue " + std::to_string(queue.now.length) + " of " + number_or_unknown(queue.now.limit) + " [" +
         base::bar(queue.now.length, find_capacity(queue), bar_width) + "] longest " +
         std::to_string(queue.longest) + ", dropped " + number_or_unknown(queue.dropped);
}

// Removes listeners that no longer exist: a server may restart many times during a watch.
template <typename Map>
void keep_present(Map& by_inode, const Sample& sample) {
  std::erase_if(by_inode, [&sample](const auto& entry) {
    return std::none_of(sample.queues.begin(), sample.queues.end(),
                        [&entry](const Sample::Queue& queue) { return queue.now.inode == entry.first; });
  });
}

// One character that shows how full the queue is; '#' is full.
char to_mark(const Sample::Queue& queue) {
  constexpr std::string_view marks = "_.:-=+*%";
  const auto capacity = find_capacity(queue);
  if (queue.now.length >= capacity) return '#';
  const auto index = queue.now.length * marks.size() / capacity;
  return queue.now.length == 0 ? marks[0] : marks[std::clamp<std::size_t>(index, 1, marks.size() - 1)];
}

}  // namespace

Sample QueueTracker::add(const kernel::PortSnapshot& snapshot,
                         const std::optional<kernel::ListenCounters>& counters, double at) {
  Sample sample{.at = at, .queues = {}, .half_open = snapshot.half_open};
  ++samples_;
  for (const auto& listener : snapshot.listeners) {
    const auto [place, is_new] = by_inode_.try_emplace(listener.inode);
    auto& [dropped_at_first, queue] = place->second;
    if (is_new) {
      dropped_at_first = listener.dropped;
      queue.owner = find_owner_(listener.inode);
    }
    queue.is_new = is_new;
    queue.now = listener;
    queue.longest = std::max(queue.longest, listener.length);
    if (!fullest_ || fullness(listener) > fullness(*fullest_)) fullest_ = listener;
    if (listener.dropped && dropped_at_first) {
      // The kernel's counter has 32 bits and wraps around; so does the difference.
      const std::uint32_t dropped = *listener.dropped - *dropped_at_first;
      dropped_ += dropped - queue.dropped.value_or(0);
      queue.dropped = dropped;
    }
    sample.queues.push_back(queue);
  }
  keep_present(by_inode_, sample);
  if (!first_counters_) first_counters_ = counters;
  if (counters) {
    sample.since_start = kernel::ListenCounters{counters->overflows - first_counters_->overflows,
                                                counters->drops - first_counters_->drops};
  }
  explain(sample);
  return sample;
}

void QueueTracker::explain(Sample& sample) {
  if (!explained_full_ && fullest_ && is_full(*fullest_)) {
    explained_full_ = true;
    const auto limit = std::to_string(*fullest_->limit), length = std::to_string(fullest_->length);
    sample.lessons.push_back(length + " of " + limit +
                             ": full; the kernel queues one connection more than the backlog");
  }
  if (!explained_drop_ && dropped_ > 0) {
    explained_drop_ = true;
    sample.lessons.emplace_back("dropped: no room for a connection attempt; the client tries again");
  }
}

std::string QueueTracker::summary(double at) const {
  const auto text = std::to_string(samples_) + (samples_ == 1 ? " sample in " : " samples in ") +
                    base::format_text("%.1f s, ", at);
  if (!fullest_) return text + "no listener";
  return text + "fullest queue " + std::to_string(fullest_->length) + " of " +
         number_or_unknown(fullest_->limit) + ", " + std::to_string(dropped_) + " dropped";
}

std::string format_lines(const Sample& sample) {
  const std::string at = base::format_text("%.1f s  ", sample.at);
  if (sample.queues.empty()) return at + "no listener; " + format_counters(sample) + "\n";
  std::string text;
  for (const auto& queue : sample.queues) {
    if (queue.is_new) text += at + queue.now.local.text() + "  listener of " + format_owner(queue) + "\n";
  }
  for (const auto& queue : sample.queues) {
    text += at + queue.now.local.text() + "  " + format_queue(queue) + "; SYN queue " +
            std::to_string(sample.half_open) + "; " + format_counters(sample) + "\n";
  }
  for (const auto& lesson : sample.lessons) text += at + lesson + "\n";
  return text;
}

std::string format_json(const Sample& sample) {
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  json.member("at_s", sample.at, 6);
  json.begin_array("listeners");
  for (const auto& queue : sample.queues) {
    json.begin_object();
    json.member("local", queue.now.local.text());
    json.member("program", queue.owner ? std::optional(queue.owner->name) : std::nullopt);
    json.member("pid", queue.owner ? std::optional(queue.owner->pid) : std::nullopt);
    json.member("queue", queue.now.length);
    json.member("limit", queue.now.limit);
    json.member("longest", queue.longest);
    json.member("dropped", queue.dropped);
    json.end_object();
  }
  json.end_array();
  const auto& counters = sample.since_start;
  json.member("syn_queue", sample.half_open);
  json.member("listen_overflows", counters ? std::optional(counters->overflows) : std::nullopt);
  json.member("listen_drops", counters ? std::optional(counters->drops) : std::nullopt);
  json.end_object();
  return text + "\n";
}

std::string WatchScreen::draw(const Sample& sample, base::TerminalSize size) {
  std::vector<std::string> lines{"port " + port_ + base::format_text("  %.1f s", sample.at) +
                                 "  (one mark per sample, from _ empty to # full)"};
  for (const auto& queue : sample.queues) {
    auto& history = history_[queue.now.inode];
    history.push_back(to_mark(queue));
    if (history.size() > history_length) history.pop_front();
    lines.push_back(queue.now.local.text() + "  " + format_owner(queue));
    lines.push_back("  " + format_queue(queue));
    constexpr std::size_t margin = 3;  // two blanks before, the last column free
    const auto shown = std::min(history.size(), std::max(size.columns, margin) - margin);
    lines.push_back("  " + std::string(history.end() - static_cast<std::ptrdiff_t>(shown), history.end()));
  }
  keep_present(history_, sample);
  if (sample.queues.empty()) lines.emplace_back("waiting for a listener on port " + port_);
  lines.push_back("SYN queue " + std::to_string(sample.half_open) + "; " + format_counters(sample));
  lessons_.insert(lessons_.end(), sample.lessons.begin(), sample.lessons.end());
  lines.insert(lines.end(), lessons_.begin(), lessons_.end());
  return picture_.draw(lines, size);
}

namespace {

class Watch {
 public:
  explicit Watch(const WatchOptions& options)
      : options_(options), observer_(options.port), screen_(options.port) {
    const bool may_wait = !options.json && !options.count && base::terminal_size();
    if (take_snapshot().listeners.empty() && !may_wait) {
      throw base::StartError(ExitStatus::unavailable,
                             "nothing is listening on port " + std::to_string(options.port));
    }
  }

  void run() {
    const int signal = take_samples();
    if (signal != 0) frames_.end_by_signal(options_.json ? "" : format_summary(), signal);
  }

 private:
  // Returns the signal that ended the watch; 0 after the last sample.
  int take_samples() {
    const base::StopSignals stop;
    auto next = began_;
    for (std::uint64_t samples = 1; stop.received() == 0; ++samples) {
      frames_.write(format_sample());
      while (!frames_.ready() && stop.received() == 0) frames_.wait(std::nullopt, &stop.original_mask());
      if (options_.count && samples == *options_.count) return stop.received();
      // Does not make up for samples that were missed because the reader or the machine stalled.
      next = std::max(next + std::chrono::duration_cast<Clock::duration>(options_.interval), Clock::now());
      wait_until(next, stop);
    }
    return stop.received();
  }

  [[nodiscard]] std::string format_summary() const {
    const auto text = "port " + std::to_string(options_.port) + ": " + tracker_.summary(elapsed()) + "\n";
    const auto width = base::prose_width();
    // The carriage return overwrites the "^C" that a terminal shows.
    return width ? "\r" + base::wrap_lines(text, *width) : text;
  }

  kernel::PortSnapshot take_snapshot() {
    return observer_.take_snapshot(kernel::TcpSockets::Kind::listeners_and_half_open);
  }

  [[nodiscard]] double elapsed() const {
    return std::chrono::duration<double>(Clock::now() - began_).count();
  }

  std::string format_sample() {
    const auto sample = tracker_.add(take_snapshot(), kernel::listen_counters(), elapsed());
    if (options_.json) return format_json(sample);
    const auto terminal = base::terminal_size();  // its size may change
    return terminal ? screen_.draw(sample, *terminal) : format_lines(sample);
  }

  // Returns early if a signal arrives.
  static void wait_until(base::TimePoint time, const base::StopSignals& stop) {
    const timespec wait = base::to_timespec(*base::time_left(time));
    static_cast<void>(::ppoll(nullptr, 0, &wait, &stop.original_mask()));
  }

  const WatchOptions& options_;
  kernel::PortObserver observer_;
  QueueTracker tracker_{kernel::find_socket_owner};
  WatchScreen screen_;
  base::FrameWriter frames_;
  const base::TimePoint began_ = Clock::now();
};

}  // namespace

ExitStatus run(const WatchOptions& options) {
  Watch(options).run();
  return ExitStatus::ok;
}

}  // namespace tcpserver::backlog
