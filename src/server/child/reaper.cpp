#include "server/child/reaper.hpp"

#include <sys/wait.h>

#include <cerrno>

namespace tcpserver::server {

namespace {

// Up to this number a sweep is cheaper.
constexpr std::uint32_t few_children = 128;

// How long a killed child may stay a zombie among many. A sweep over 10,000 takes at most a millisecond.
constexpr auto sweep_interval = std::chrono::milliseconds(100);

pid_t reap_one(pid_t whom, int& status) noexcept {
  pid_t pid = 0;
  do {
    pid = ::waitpid(whom, &status, WNOHANG);
  } while (pid < 0 && errno == EINTR);
  return pid;
}

}  // namespace

std::uint64_t Reaper::collect() noexcept {
  if (slots_.in_use() <= few_children) return sweep();
  const auto reaped = reap_announced();
  if (reaped == 0 || base::Clock::now() >= next_sweep_) return reaped + sweep();
  owes_sweep_ = true;
  return reaped;
}

std::uint64_t Reaper::reap_announced() noexcept {
  std::uint64_t reaped = 0;
  scoreboard_.for_each_ended(slots_.used(), [&](SlotHint hint) {
    const auto slot = slots_.find_running(hint);
    // No child runs there: a sweep reaped it already, or the bit is forged.
    if (!slot) return ScoreboardPage::forget_end(scoreboard_[hint.value]);
    int status = 0;
    const pid_t pid = slots_[*slot].pid;
    // If it is not yet a zombie, its SIGCHLD is still to come.
    if (reap_one(pid, status) != pid) return;
    ScoreboardPage::forget_end(scoreboard_[*slot]);
    slots_.note_ended(pid, status);
    ++reaped;
  });
  return reaped;
}

std::uint64_t Reaper::sweep() noexcept {
  owes_sweep_ = false;
  std::uint64_t reaped = 0;
  int status = 0;
  pid_t pid = 0;
  while ((pid = reap_one(-1, status)) > 0) {
    ++reaped;
    slots_.note_ended(pid, status);
  }
  if (slots_.in_use() > few_children) next_sweep_ = base::Clock::now() + sweep_interval;
  return reaped;
}

std::optional<base::TimePoint> Reaper::due() const noexcept {
  return owes_sweep_ ? std::optional(next_sweep_) : std::nullopt;
}

}  // namespace tcpserver::server
