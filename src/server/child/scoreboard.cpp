#include "server/child/scoreboard.hpp"

namespace tcpserver::server {

void Scoreboard::reserve(std::uint32_t slots) {
  const std::uint32_t pages = slots / ScoreboardPage::record_count + 1;
  if (pages <= pages_) return;
  // At least double the memory, so that raising the limit often adds few segments.
  const std::uint32_t more = std::max(pages - pages_, pages_);
  const std::size_t size = sizeof(ScoreboardPage) * more;
  segments_.emplace_back(base::Mapping::Kind::shared, size, place_.next(size));
  pages_ += more;
}

SessionRecord& Scoreboard::clean(std::uint32_t slot) const noexcept {
  auto& record = (*this)[slot];
  record.reset();
  ScoreboardPage::forget_end(record);
  return record;
}

// Zeroed memory from mmap is a valid page, because a lock-free atomic of value 0 is all zeros.
ScoreboardPage& Scoreboard::page(std::size_t number) const noexcept {
  auto segment = segments_.begin();
  for (; number >= segment->size() / sizeof(ScoreboardPage); ++segment) {
    number -= segment->size() / sizeof(ScoreboardPage);
  }
  return static_cast<ScoreboardPage*>(segment->data())[number];
}

}  // namespace tcpserver::server
