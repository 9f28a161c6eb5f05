#include "tcpserver/server/child/scoreboard.hpp"

#include <algorithm>

namespace tcpserver::server {

void Scoreboard::reserve(std::uint32_t slots) {
  const std::uint32_t pages = slots / ScoreboardPage::record_count + 1;
  if (pages <= pages_) return;
  // Doubled at least, so that a limit that is raised often makes few segments.
  const std::uint32_t more = std::max(pages - pages_, pages_);
  segments_.reserve(segments_.size() + 1);
  const std::size_t size = sizeof(ScoreboardPage) * more;
  segments_.push_back(std::make_unique<Segment>(pages_, size, place_.next(size)));
  pages_ += more;
}

SessionRecord& Scoreboard::clean(std::uint32_t slot) const noexcept {
  auto& record = (*this)[slot];
  record.reset();
  ScoreboardPage::forget_end(record);
  return record;
}

// Zeroed memory from mmap is a valid page: lock-free atomics of value 0.
ScoreboardPage& Scoreboard::page(std::uint32_t number) const noexcept {
  auto segment = segments_.rbegin();
  while ((*segment)->first > number) ++segment;
  return static_cast<ScoreboardPage*>((*segment)->mapping.data())[number - (*segment)->first];
}

}  // namespace tcpserver::server
