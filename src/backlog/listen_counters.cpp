#include "tcpserver/backlog/listen_counters.hpp"

#include "tcpserver/options/values.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

namespace tcpserver::backlog {

namespace {

std::string_view cut_until(std::string_view& text, char end) {
  const auto part = text.substr(0, text.find(end));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

std::optional<std::uint64_t> figure(std::string_view text) {
  return options::parse_count(text, 0, std::numeric_limits<std::uint64_t>::max());
}

std::optional<ListenCounters> parse_pair(std::string_view names, std::string_view figures) {
  std::optional<std::uint64_t> overflows;
  std::optional<std::uint64_t> drops;
  while (!names.empty() && !figures.empty()) {
    const auto name = cut_until(names, ' ');
    const auto value = cut_until(figures, ' ');
    if (name == "ListenOverflows") overflows = figure(value);
    if (name == "ListenDrops") drops = figure(value);
  }
  if (!overflows || !drops) return std::nullopt;
  return ListenCounters{*overflows, *drops};
}

}  // namespace

std::optional<ListenCounters> parse_netstat(std::string_view text) {
  constexpr std::string_view group = "TcpExt:";
  while (!text.empty()) {
    const auto names = cut_until(text, '\n');
    const auto figures = cut_until(text, '\n');
    if (names.starts_with(group) && figures.starts_with(group)) return parse_pair(names, figures);
  }
  return std::nullopt;
}

std::optional<ListenCounters> listen_counters() {
  std::ifstream file("/proc/net/netstat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return parse_netstat(text);
}

}  // namespace tcpserver::backlog
