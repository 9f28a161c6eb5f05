#include "tcpserver/server/memory_guard.hpp"

#include "tcpserver/posix/io.hpp"

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

// The kernel sums up its figures for memory.stat. A tenth of a second is short for a client that waits.
constexpr auto time_between_looks = std::chrono::milliseconds(100);

// A client is let in after this time even if memory is short.
constexpr auto longest_wait = std::chrono::seconds(10);

}  // namespace

MemoryGuard::MemoryGuard(Log& log) : log_(log), limit_(posix::MemoryLimit::find()) {
  if (!limit_) return;
  reserve_ = std::min(limit_->limit() / reserve_part, largest_reserve);
  constexpr std::size_t largest_file = 64;
  const char* const path = "/proc/self/oom_score_adj";
  const auto text = posix::read_file(path, largest_file);
  int own = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), own).ec != std::errc{}) return;
  score_ = std::to_string(own);
  raised_score_ = std::to_string(std::min(own + children_above_server, highest_score));
  own_score_ = posix::UniqueFd(::open(path, O_WRONLY | O_CLOEXEC));
  if (!own_score_)
    log_.warning("cannot open %s: %s; the OOM killer may choose the server", path, std::strerror(errno));
}

void MemoryGuard::before_fork() noexcept {
  if (!limit_) return;
  const auto free = free_memory();
  short_ = free < reserve_;
  last_fork_ = posix::Clock::now();
  // Half of the reserve is room for the fork itself.
  raised_ = free >= reserve_ / 2 && own_score_ && write_score(raised_score_);
}

void MemoryGuard::after_fork() noexcept {
  if (!raised_) return;
  raised_ = false;
  static_cast<void>(write_score(score_));
}

bool MemoryGuard::is_short() noexcept {
  if (!short_) return false;
  short_ = free_memory() < reserve_;
  return short_ && posix::Clock::now() < last_fork_ + longest_wait;
}

std::uint64_t MemoryGuard::free_memory() noexcept {
  const auto usage = limit_->usage();
  if (!usage) return limit_->limit();
  const auto free_beside = [&](std::uint64_t cached) {
    const auto used = *usage - std::min(*usage, cached);
    return limit_->limit() - std::min(limit_->limit(), used);
  };
  const auto free = free_beside(0);
  if (free >= reserve_) return free;
  const auto now = posix::Clock::now();
  if (now >= next_look_at_cached_files_) {
    cached_files_ = limit_->cached_files();
    next_look_at_cached_files_ = now + time_between_looks;
  }
  return free_beside(cached_files_);
}

bool MemoryGuard::write_score(const std::string& score) noexcept {
  if (::pwrite(own_score_.get(), score.data(), score.size(), 0) >= 0) return true;
  log_.warning("cannot write /proc/self/oom_score_adj: %s; the OOM killer may choose the server",
               std::strerror(errno));
  own_score_.reset();
  return false;
}

}  // namespace tcpserver::server
