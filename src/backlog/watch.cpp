#include "backlog/watch.hpp"

#include "tcpserver/base/json.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/terminal.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/kernel/process_table.hpp"

#include <algorithm>
#include <thread>

namespace tcpserver::backlog {

using base::Clock;
using base::ExitStatus;

namespace {

constexpr std::size_t bar_width = 20;
constexpr std::size_t history_length = 60;

// The full length of the bar. A queue with limit n holds n + 1.
std::uint64_t room(const Look::Queue& queue) {
  return queue.now.limit ? std::uint64_t{*queue.now.limit} + 1 : std::max(1U, queue.longest);
}

std::string text_or(const std::optional<std::uint32_t>& count, const char* otherwise) {
  return count ? std::to_string(*count) : otherwise;
}

std::string counters_text(const Look& look) {
  if (!look.since_start) return "ListenOverflows, ListenDrops: not told";
  return "ListenOverflows +" + std::to_string(look.since_start->overflows) + ", ListenDrops +" +
         std::to_string(look.since_start->drops);
}

std::string owner_text(const Look::Queue& queue) {
  if (!queue.owner) return "a process that this user cannot see";
  return queue.owner->name + " (pid " + std::to_string(queue.owner->pid) + ")";
}

std::string queue_text(const Look::Queue& queue) {
  return "queue " + std::to_string(queue.now.length) + " of " + text_or(queue.now.limit, "?") + " [" +
         base::bar(queue.now.length, room(queue), bar_width) + "] longest " + std::to_string(queue.longest) +
         ", dropped here +" + text_or(queue.dropped, "not told");
}

// Forgets the listeners that are gone: a server may restart many times during a watch.
template <typename Map>
void keep_present(Map& by_inode, const Look& look) {
  std::erase_if(by_inode, [&look](const auto& entry) {
    return std::none_of(look.queues.begin(), look.queues.end(),
                        [&entry](const Look::Queue& queue) { return queue.now.inode == entry.first; });
  });
}

// How full the queue is, as one character: '#' if nothing fits any more.
char mark(const Look::Queue& queue) {
  constexpr std::string_view marks = "_.:-=+*%";
  if (queue.now.length >= room(queue)) return '#';
  const auto index = queue.now.length * marks.size() / room(queue);
  return queue.now.length == 0 ? marks[0] : marks[std::clamp<std::size_t>(index, 1, marks.size() - 1)];
}

}  // namespace

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
  keep_present(by_inode_, look);
  if (!first_counters_) first_counters_ = counters;
  if (counters) {
    look.since_start = kernel::ListenCounters{counters->overflows - first_counters_->overflows,
                                              counters->drops - first_counters_->drops};
  }
  return look;
}

std::string watch_lines(const Look& look) {
  const std::string at = base::formatted("%.1f s  ", look.at);
  if (look.queues.empty()) return at + "nobody listens here now; " + counters_text(look) + "\n";
  std::string text;
  for (const auto& queue : look.queues) {
    if (queue.is_new) text += at + queue.now.local.text() + "  listener of " + owner_text(queue) + "\n";
  }
  for (const auto& queue : look.queues) {
    text += at + queue.now.local.text() + "  " + queue_text(queue) + "; SYN queue " +
            std::to_string(look.half_open) + "; " + counters_text(look) + "\n";
  }
  return text;
}

std::string watch_json(const Look& look) {
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  json.member("at_s", look.at, 6);
  json.begin_array("listeners");
  for (const auto& queue : look.queues) {
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
  const auto& counters = look.since_start;
  json.member("syn_queue", look.half_open);
  json.member("listen_overflows", counters ? std::optional(counters->overflows) : std::nullopt);
  json.member("listen_drops", counters ? std::optional(counters->drops) : std::nullopt);
  json.end_object();
  return text + "\n";
}

std::string WatchScreen::draw(const Look& look, base::TerminalSize size) {
  std::vector<std::string> lines{title_ + ", " + base::formatted("%.1f s", look.at) +
                                 "  (each look leaves a mark: _ empty, # full)"};
  for (const auto& queue : look.queues) {
    auto& history = history_[queue.now.inode];
    history.push_back(mark(queue));
    if (history.size() > history_length) history.pop_front();
    lines.push_back(queue.now.local.text() + "  " + owner_text(queue));
    lines.push_back("  " + queue_text(queue));
    constexpr std::size_t margin = 3;  // two blanks before, the last column free
    const auto shown = std::min(history.size(), std::max(size.columns, margin) - margin);
    lines.push_back("  " + std::string(history.end() - static_cast<std::ptrdiff_t>(shown), history.end()));
  }
  keep_present(history_, look);
  if (look.queues.empty()) lines.emplace_back("nobody listens here now");
  lines.push_back("SYN queue " + std::to_string(look.half_open) + "; " + counters_text(look));
  return picture_.draw(lines, size);
}

ExitStatus run(const WatchOptions& options) {
  kernel::PortObserver observer(options.port);
  auto picture = observer.look(kernel::TcpSockets::Kind::listeners_and_half_open);
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
    picture = observer.look(kernel::TcpSockets::Kind::listeners_and_half_open);
  }
}

}  // namespace tcpserver::backlog
