#include "tcpserver/base/json.hpp"
#include "tcpserver/base/values.hpp"

#include "backlog/watch.hpp"

#include <algorithm>

namespace tcpserver::backlog {

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

// How full the queue is, as one character: '#' if nothing fits any more.
char mark(const Look::Queue& queue) {
  constexpr std::string_view marks = "_.:-=+*%";
  if (queue.now.length >= room(queue)) return '#';
  const auto index = queue.now.length * marks.size() / room(queue);
  return queue.now.length == 0 ? marks[0] : marks[std::clamp<std::size_t>(index, 1, marks.size() - 1)];
}

}  // namespace

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
  if (look.queues.empty()) lines.emplace_back("nobody listens here now");
  lines.push_back("SYN queue " + std::to_string(look.half_open) + "; " + counters_text(look));
  return picture_.draw(lines, size);
}

}  // namespace tcpserver::backlog
