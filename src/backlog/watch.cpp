#include "backlog/watch.hpp"

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/kernel/process_table.hpp"

#include <algorithm>
#include <thread>

namespace tcpserver::backlog {

using base::Clock;
using base::ExitStatus;

Look WatchBook::enter(const kernel::PortPicture& picture,
                      const std::optional<kernel::ListenCounters>& counters, double at) {
  Look look{.at = at, .queues = {}, .half_open = picture.half_open, .since_start = std::nullopt};
  for (const auto& listener : picture.listeners) {
    const auto [place, is_new] = by_inode_.try_emplace(listener.inode);
    Entry& entry = place->second;
    if (is_new) {
      entry.owner = find_owner_(listener.inode);
      entry.dropped_at_first = listener.dropped;
    }
    entry.longest = std::max(entry.longest, listener.length);
    Look::Queue queue{.now = listener,
                      .owner = entry.owner,
                      .is_new = is_new,
                      .longest = entry.longest,
                      .dropped = std::nullopt};
    // The kernel's counter has 32 bits and wraps around; so does the difference.
    if (listener.dropped && entry.dropped_at_first)
      queue.dropped = *listener.dropped - *entry.dropped_at_first;
    look.queues.push_back(queue);
  }
  std::erase_if(by_inode_, [&picture](const auto& entry) {
    return std::none_of(
        picture.listeners.begin(), picture.listeners.end(),
        [&entry](const kernel::ObservedListener& listener) { return listener.inode == entry.first; });
  });
  if (!first_counters_) first_counters_ = counters;
  if (counters) {
    look.since_start = kernel::ListenCounters{counters->overflows - first_counters_->overflows,
                                              counters->drops - first_counters_->drops};
  }
  return look;
}

ExitStatus run_watch(const WatchOptions& options) {
  kernel::PortObserver observer(options.port);
  auto picture = observer.look(kernel::PortObserver::Look::with_half_open);
  if (picture.listeners.empty()) {
    throw base::StartError(ExitStatus::unavailable,
                           "nobody listens on port " + std::to_string(options.port) +
                               " of this machine (of this network namespace), as far as can be seen");
  }
  WatchScreen screen("port " + std::to_string(options.port));
  WatchBook book(kernel::find_socket_owner);
  const auto began = Clock::now();
  auto next = began;
  for (std::uint64_t looks = 1;; ++looks) {
    const double at = std::chrono::duration<double>(Clock::now() - began).count();
    const auto look = book.enter(picture, kernel::listen_counters(), at);
    // Asked anew each time: a terminal's size changes.
    const auto terminal = options.json ? std::nullopt : base::terminal_size();
    base::print(options.json ? watch_json(look)
                : terminal   ? screen.draw(look, *terminal)
                             : watch_lines(look));
    if (options.count && looks == *options.count) return ExitStatus::ok;
    // Looks that were missed, because the reader or the machine stalled, are not made up for.
    next = std::max(next + std::chrono::duration_cast<Clock::duration>(options.interval), Clock::now());
    std::this_thread::sleep_until(next);
    picture = observer.look(kernel::PortObserver::Look::with_half_open);
  }
}

}  // namespace tcpserver::backlog
