#include "load/pattern.hpp"

namespace tcpserver::load {

Pattern::Pattern(base::Verb verb, std::size_t longest) {
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
  if (verb == base::Verb::echo) return;
  replies_ = sent_;
  for (char& byte : replies_) byte = base::reply_to(verb, byte);
}

}  // namespace tcpserver::load
