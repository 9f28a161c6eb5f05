#include "server/child/memory_guard.hpp"

#include "tcpserver/base/system_error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace tcpserver::server {

namespace {

// Half of the range of oom_score_adj: the kernel rates a child as if it used half of the memory limit in
// addition.
constexpr int children_above_server = 500;
constexpr int highest_score = 1000;  // OOM_SCORE_ADJ_MAX

// Memory to keep free for open sessions: an eighth of the limit, at most 64 MiB.
constexpr std::uint64_t reserve_part = 8;
constexpr std::uint64_t largest_reserve = 64UL << 20;

// A new session needs about 50 KiB.
constexpr std::uint64_t memory_per_fork = 256UL << 10;

// If this much more memory is free, the next forks need no check, as long as each uses less than 1 MiB.
constexpr int forks_between_checks = 32;
constexpr std::uint64_t plenty = std::uint64_t{forks_between_checks} << 20;

// After this time a client is accepted even if memory is short.
constexpr auto longest_wait = std::chrono::seconds(10);

constexpr const char* own_score_path = "/proc/self/oom_score_adj";

}  // namespace

MemoryGuard::MemoryGuard(Log& log) : log_(log), limit_(kernel::MemoryLimit::find()) {
  if (!limit_) return;
  own_score_ = base::UniqueFd(::open(own_score_path, O_RDWR | O_CLOEXEC));
  if (!own_score_) disable("open");
}

void MemoryGuard::before_fork() noexcept {
  if (!limit_) return;
  if (forks_until_check_ > 0) {
    --forks_until_check_;
  } else {
    short_ = check_if_short();
    can_fork_ = limit_->has_free(memory_per_fork);
    if (limit_->has_free(largest_reserve + plenty)) forks_until_check_ = forks_between_checks;
  }
  last_fork_ = base::Clock::now();
  raised_ = own_score_ && can_fork_ && raise_score();
}

void MemoryGuard::after_fork() noexcept {
  if (!raised_) return;
  raised_ = false;
  if (::pwrite(own_score_.get(), score_.c_str(), score_.size(), 0) < 0) disable("lower");
}

bool MemoryGuard::is_short() noexcept {
  if (!short_) return false;
  short_ = check_if_short();
  return short_ && base::Clock::now() < last_fork_ + longest_wait;
}

bool MemoryGuard::check_if_short() noexcept {
  const auto room = limit_->own();
  return room && room->free < std::min(room->limit / reserve_part, largest_reserve);
}

// Reads the score first, because another process may have changed it.
bool MemoryGuard::raise_score() noexcept {
  char text[16];
  const auto size = ::pread(own_score_.get(), text, sizeof text, 0);
  int score = 0;
  if (size <= 0 || std::from_chars(text, text + size, score).ec != std::errc{}) {
    disable("read");
    return false;
  }
  score_ = {};
  score_.append("%d", score);
  base::BoundedText<16> raised;
  raised.append("%d", std::min(score + children_above_server, highest_score));
  if (::pwrite(own_score_.get(), raised.c_str(), raised.size(), 0) >= 0) return true;
  disable("raise");
  return false;
}

void MemoryGuard::disable(const char* what) noexcept {
  const int error = errno;
  log_.warning({"oom_score_error", {{"errno", base::errno_name(error)}}},
               "cannot %s %s: %s; the OOM killer may kill the server before its children", what,
               own_score_path, std::strerror(error));
  own_score_.reset();
}

}  // namespace tcpserver::server
