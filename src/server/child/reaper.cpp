#include "server/child/reaper.hpp"

#include <sys/wait.h>

#include <cerrno>

namespace tcpserver::server {

namespace {

// Up to this number of children a sweep is cheaper.
constexpr std::uint32_t few_children = 128;

// How long a killed child may stay a zombie among many. A sweep over 10,000 takes at most a millisecond.
constexpr auto sweep_interval = std::chrono::milliseconds(100);

pid_t wait_for(pid_t child, int& status) noexcept {
  pid_t pid = 0;
  do {
    pid = ::waitpid(child, &status, WNOHANG);
  } while (pid < 0 && errno == EINTR);
  return pid;
}

}  // namespace

std::uint64_t Reaper::collect() noexcept {
  if (once_) return reap_any() ? 1 : 0;
  if (slots_.in_use() <= few_children) return sweep();
  const auto reaped = reap_announced();
  if (reaped == 0 || base::Clock::now() >= next_sweep_) return reaped + sweep();
  sweep_pending_ = true;
  return reaped;
}

std::uint64_t Reaper::reap_announced() noexcept {
  std::uint64_t reaped = 0;
  scoreboard_.for_each_ended(slots_.used(), [&](SlotHint hint) {
    const auto slot = slots_.find_running(hint);
    // No child runs in this slot: a sweep has reaped it, or the bit is forged.
    if (!slot) return ScoreboardPage::forget_end(scoreboard_[hint.value]);
    int status = 0;
    const pid_t pid = slots_[*slot].pid;
    // If the child is not a zombie yet, its SIGCHLD will follow.
    if (wait_for(pid, status) != pid) return;
    ScoreboardPage::forget_end(scoreboard_[*slot]);
    slots_.note_ended(pid, status);
    ++reaped;
  });
  return reaped;
}

// Reaps one child, whichever has ended. Returns false if none has.
bool Reaper::reap_any() noexcept {
  int status = 0;
  const pid_t pid = wait_for(-1, status);
  if (pid <= 0) return false;
  slots_.note_ended(pid, status);
  return true;
}

std::uint64_t Reaper::sweep() noexcept {
  sweep_pending_ = false;
  std::uint64_t reaped = 0;
  while (reap_any()) ++reaped;
  if (slots_.in_use() > few_children) next_sweep_ = base::Clock::now() + sweep_interval;
  return reaped;
}

std::optional<base::TimePoint> Reaper::due() const noexcept {
  return sweep_pending_ ? std::optional(next_sweep_) : std::nullopt;
}

}  // namespace tcpserver::server
