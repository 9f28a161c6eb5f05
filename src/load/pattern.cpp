#include "load/pattern.hpp"

#include <algorithm>

namespace tcpserver::load {

Pattern::Pattern(cli::Service service, std::size_t longest) {
  sent_.resize(period + longest);
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < sent_.size(); ++i) {
    if (i >= period) {
      sent_[i] = sent_[i - period];
      continue;
    }
    // xorshift32 (Marsaglia, Journal of Statistical Software 8, 2003)
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    sent_[i] = static_cast<char>(state >> 24U);
  }
  if (service != cli::Service::upper) return;
  capitals_ = sent_;
  std::transform(capitals_.begin(), capitals_.end(), capitals_.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; });
}

}  // namespace tcpserver::load
