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
  Look look{.at = at, .queues = {}, .half_open = picture.half_open};
  for (const auto& listener : picture.listeners) {
    const auto [place, is_new] = by_inode_.try_emplace(listener.inode);
    auto& [dropped_at_first, queue] = place->second;
    if (is_new) {
      dropped_at_first = listener.dropped;
      queue.owner = find_owner_(listener.inode);
    }
    queue.is_new = is_new;
    queue.now = listener;
    queue.longest = std::max(queue.longest, listener.length);
    // The kernel's counter has 32 bits and wraps around; so does the difference.
    if (listener.dropped && dropped_at_first) queue.dropped = *listener.dropped - *dropped_at_first;
    look.queues.push_back(queue);
  }
  if (!first_counters_) first_counters_ = counters;
  if (counters) {
    look.since_start = kernel::ListenCounters{counters->overflows - first_counters_->overflows,
                                              counters->drops - first_counters_->drops};
  }
  return look;
}

ExitStatus run(const WatchOptions& options) {
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
    // The size of a terminal may change.
    const auto terminal = options.json ? std::nullopt : base::terminal_size();
    base::print(options.json ? watch_json(look)
                : terminal   ? screen.draw(look, *terminal)
                             : watch_lines(look));
    if (options.count && looks == *options.count) return ExitStatus::ok;
    // Does not make up for looks that were missed because the reader or the machine stalled.
    next = std::max(next + std::chrono::duration_cast<Clock::duration>(options.interval), Clock::now());
    std::this_thread::sleep_until(next);
    picture = observer.look(kernel::PortObserver::Look::with_half_open);
  }
}

}  // namespace tcpserver::backlog
