#include "tcpserver/kernel/listen_counters.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/base/values.hpp"

#include <fcntl.h>

#include <array>

namespace tcpserver::kernel {

std::optional<ListenCounters> parse_netstat(std::string_view text) noexcept {
  constexpr std::string_view group = "TcpExt:";
  while (!text.empty()) {
    auto names = base::take_until(text, '\n');
    auto figures = base::take_until(text, '\n');
    if (!names.starts_with(group) || !figures.starts_with(group)) continue;
    std::optional<std::uint64_t> overflows;
    std::optional<std::uint64_t> drops;
    while (!names.empty() && !figures.empty()) {
      const auto name = base::take_until(names, ' ');
      const auto figure = base::parse_number<std::uint64_t>(base::take_until(figures, ' '));
      if (name == "ListenOverflows") overflows = figure;
      if (name == "ListenDrops") drops = figure;
    }
    if (!overflows || !drops) return std::nullopt;
    return ListenCounters{*overflows, *drops};
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
