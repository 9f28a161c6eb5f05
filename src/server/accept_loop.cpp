#include "tcpserver/server/accept_loop.hpp"

#include "tcpserver/server/accept_error.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace tcpserver::server {

namespace {

// Enough that a burst is admitted at full speed, few enough that children are reaped and a SIGTERM is heard
// within milliseconds of a flood's beginning.
constexpr int accepts_per_window = 32;

// sshd's and postgres's choice: short for a client that waits, long enough to use no processor.
constexpr auto pause_after_shortage = std::chrono::milliseconds(100);

}  // namespace

AcceptLoop::AcceptLoop(std::vector<Listener> listeners, Sessions& sessions, SignalWindow& window,
                       Counters& counters, Log& log, Upkeep& upkeep)
    : listeners_(std::move(listeners)),
      sessions_(sessions),
      window_(window),
      counters_(counters),
      log_(log),
      upkeep_(upkeep) {
  for (const auto& listener : listeners_) {
    polled_.push_back({.fd = listener.fd.get(), .events = POLLIN, .revents = 0});
  }
}

bool AcceptLoop::run() noexcept {
  while (window_.stop_requests() == 0 && !unusable_) {
    wait_for_work();
    sessions_.settle();
    upkeep_
        .after_wait();  // before anybody is admitted: it sees a full server as full, and hears a stop first
    admit_waiting_clients();
  }
  stop_listening();
  return !unusable_;
}

void AcceptLoop::stop_listening() noexcept {
  if (listeners_.empty()) return;
  upkeep_.before_closing();
  listeners_.clear();
  polled_.clear();
}

void AcceptLoop::wait_for_work() noexcept {
  for (auto& polled : polled_) polled.revents = 0;
  if (accepts_since_signals_ >= accepts_per_window) {
    // Not followed by a wait: what a handler notes here may be what the wait would be for.
    window_.let_signals_in();
    accepts_since_signals_ = 0;
    return;
  }

  const bool full = sessions_.full();
  const bool paused = posix::Clock::now() < paused_until_;
  if (full) say_when_full();
  const std::span<pollfd> polled = full || paused ? std::span<pollfd>{} : std::span<pollfd>(polled_);
  const auto pause_end = paused ? std::optional(paused_until_) : std::nullopt;
  const int ready = window_.wait(polled, posix::time_left(earlier(pause_end, upkeep_.due())));
  if (ready > 0) return;
  accepts_since_signals_ = 0;  // it ended by a signal or with none pending
  if (ready < 0 && errno != EINTR) {
    // Kernel memory, or a descriptor limit below the number of listeners: neither lasts.
    log_.limited_warning(accept_failures_, "cannot wait for clients: %s", std::strerror(errno));
    pause();
  }
}

void AcceptLoop::admit_waiting_clients() noexcept {
  const std::size_t count = polled_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t turn = (first_listener_ + i) % count;
    if (polled_[turn].revents == 0) continue;
    do {
      // The iterative server hears a request to stop in the middle of a session, and closes the listeners.
      if (window_.stop_requests() > 0 || unusable_) return;
      if (accepts_since_signals_ >= accepts_per_window || sessions_.full()) {
        first_listener_ = turn + 1;  // the others come first next time
        return;
      }
    } while (admit_one(polled_[turn].fd));
  }
}

// Takes one client from this listener's queue. False where there is no use in trying the next at once.
bool AcceptLoop::admit_one(int listener) noexcept {
  posix::SocketAddress peer;
  socklen_t size = posix::SocketAddress::storage_size;
  ++accepts_since_signals_;
  posix::UniqueFd connection(::accept4(listener, peer.storage(), &size, SOCK_CLOEXEC));
  if (!connection) return handle_accept_error(errno);
  lost_in_a_row_ = 0;
  ++counters_.accepted;
  if (sessions_.start(std::move(connection), peer)) return true;
  pause();
  return false;
}

bool AcceptLoop::handle_accept_error(int error) noexcept {
  switch (classify_accept_error(error)) {
    case AcceptAdvice::none_waiting:
      return false;
    case AcceptAdvice::retry:
      ++counters_.accept_errors;
      // Each should have taken a connection off the queue. A whole window of them looks like a cause that
      // stays.
      if (++lost_in_a_row_ < accepts_per_window) return true;
      lost_in_a_row_ = 0;
      break;
    case AcceptAdvice::back_off:
      ++counters_.accept_errors;
      break;
    case AcceptAdvice::fatal:
      log_.warning("a listening socket has become unusable: accept: %s", std::strerror(error));
      unusable_ = true;
      return false;
  }
  log_.limited_warning(accept_failures_, "cannot accept: %s; clients wait in the listen queue meanwhile",
                       std::strerror(error));
  pause();
  return false;
}

void AcceptLoop::pause() noexcept {
  paused_until_ = posix::Clock::now() + pause_after_shortage;
}

void AcceptLoop::say_when_full() noexcept {
  const auto sessions = sessions_.count(false);
  log_.limited_warning(
      full_, "%u of %u %s, as --max-connections allows: further clients wait in the listen queue",
      sessions.open, sessions.most, sessions.reaped ? "sessions open" : "places taken, by zombies too");
}

}  // namespace tcpserver::server
