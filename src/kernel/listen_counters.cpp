#include "tcpserver/kernel/listen_counters.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/base/values.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <limits>

namespace tcpserver::kernel {

namespace {

std::string_view cut_until(std::string_view& text, char end) {
  const auto part = text.substr(0, text.find(end));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

std::optional<std::uint64_t> figure(std::string_view text) {
  return base::parse_count(text, 0, std::numeric_limits<std::uint64_t>::max());
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

std::optional<ListenCounters> parse_netstat(std::string_view text) noexcept {
  constexpr std::string_view group = "TcpExt:";
  while (!text.empty()) {
    const auto names = cut_until(text, '\n');
    const auto figures = cut_until(text, '\n');
    if (names.starts_with(group) && figures.starts_with(group)) return parse_pair(names, figures);
  }
  return std::nullopt;
}

std::optional<ListenCounters> listen_counters() noexcept {
  const base::UniqueFd fd(::open("/proc/net/netstat", O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::array<char, 16384> text;  // TcpExt comes first, with some 130 names and figures: 5 KiB on Linux 6.18
  std::size_t size = 0;
  while (size < text.size()) {
    const auto got = base::read_some(fd.get(), text.data() + size, text.size() - size);
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  return parse_netstat({text.data(), size});
}

}  // namespace tcpserver::kernel
