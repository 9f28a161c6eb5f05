#include "tcpserver/base/bar.hpp"

#include <algorithm>
#include <cmath>

namespace tcpserver::base {

std::string bar(std::uint64_t part, std::uint64_t whole, std::size_t width) {
  if (width == 0) return "";
  if (part >= whole) return std::string(width, part == 0 ? '.' : '#');
  const double share = static_cast<double>(part) / static_cast<double>(whole);
  auto filled = static_cast<std::size_t>(std::lround(share * static_cast<double>(width)));
  filled = std::clamp<std::size_t>(filled, part > 0 ? 1 : 0, width > 1 ? width - 1 : 1);
  return std::string(filled, '#') + std::string(width - filled, '.');
}

}  // namespace tcpserver::base
