#include "server/child/memory_guard.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace tcpserver::server {

namespace {

// Half of the scale: a child then counts as if it used half of the limit more than it does.
constexpr int children_above_server = 500;
constexpr int highest_score = 1000;  // OOM_SCORE_ADJ_MAX

// Kept free for what open sessions still need: an eighth of the limit, and no more than this.
constexpr std::uint64_t reserve_part = 8;
constexpr std::uint64_t largest_reserve = 64UL << 20;

// A session takes about 50 KiB when it starts.
constexpr std::uint64_t room_for_a_fork = 256UL << 10;

// With this much more than the reserve free, the next forks need no look: each would have to take a MiB.
constexpr int forks_between_looks = 32;
constexpr std::uint64_t plenty = std::uint64_t{forks_between_looks} << 20;

// A client is let in after this time even if memory is short.
constexpr auto longest_wait = std::chrono::seconds(10);

constexpr const char* own_score_path = "/proc/self/oom_score_adj";

}  // namespace

MemoryGuard::MemoryGuard(Log& log) : log_(log), limit_(kernel::MemoryLimit::find()) {
  if (!limit_) return;
  own_score_ = base::UniqueFd(::open(own_score_path, O_RDWR | O_CLOEXEC));
  if (!own_score_) give_up("open");
}

void MemoryGuard::before_fork() noexcept {
  if (!limit_) return;
  if (forks_until_look_ > 0) {
    --forks_until_look_;
  } else {
    short_ = look_if_short();
    has_room_ = limit_->has_free(room_for_a_fork);
    if (limit_->has_free(largest_reserve + plenty)) forks_until_look_ = forks_between_looks;
  }
  last_fork_ = base::Clock::now();
  raised_ = own_score_ && has_room_ && raise_score();
}

void MemoryGuard::after_fork() noexcept {
  if (!raised_) return;
  raised_ = false;
  if (::pwrite(own_score_.get(), score_.c_str(), score_.size(), 0) < 0) give_up("lower");
}

bool MemoryGuard::is_short() noexcept {
  if (!short_) return false;
  short_ = look_if_short();
  return short_ && base::Clock::now() < last_fork_ + longest_wait;
}

bool MemoryGuard::look_if_short() noexcept {
  const auto room = limit_->own();
  return room && room->free < std::min(room->limit / reserve_part, largest_reserve);
}

// Reads the present score first, for somebody else may have changed it.
bool MemoryGuard::raise_score() noexcept {
  char text[16];
  const auto size = ::pread(own_score_.get(), text, sizeof text, 0);
  int score = 0;
  if (size <= 0 || std::from_chars(text, text + size, score).ec != std::errc{}) {
    give_up("read");
    return false;
  }
  score_ = {};
  score_.append("%d", score);
  base::BoundedText<16> raised;
  raised.append("%d", std::min(score + children_above_server, highest_score));
  if (::pwrite(own_score_.get(), raised.c_str(), raised.size(), 0) >= 0) return true;
  give_up("raise");
  return false;
}

void MemoryGuard::give_up(const char* what) noexcept {
  log_.warning("cannot %s %s: %s; the OOM killer may choose the server", what, own_score_path,
               std::strerror(errno));
  own_score_.reset();
}

}  // namespace tcpserver::server
