#include "tcpserver/server/scoreboard.hpp"

#include <algorithm>

namespace tcpserver::server {

void Scoreboard::reserve(std::uint32_t slots) {
  if (slots <= slots_) return;
  // Doubled at least, so that a limit that is raised often makes few segments.
  const std::uint32_t more = std::max(slots - slots_, slots_);
  segments_.reserve(segments_.size() + 1);
  segments_.push_back(std::make_unique<Segment>(slots_, more));
  slots_ += more;
}

// Zeroed memory from mmap is a valid SessionRecord: lock-free atomics of value 0.
SessionRecord& Scoreboard::operator[](std::uint32_t slot) const noexcept {
  auto segment = segments_.rbegin();
  while ((*segment)->first > slot) ++segment;
  return static_cast<SessionRecord*>((*segment)->mapping.data())[slot - (*segment)->first];
}

}  // namespace tcpserver::server
