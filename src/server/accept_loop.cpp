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
                       Counters& counters, Log& log, std::function<void()> answer_requests)
    : listeners_(std::move(listeners)),
      sessions_(sessions),
      window_(window),
      counters_(counters),
      log_(log),
      answer_requests_(std::move(answer_requests)) {
  for (const auto& listener : listeners_) {
    polled_.push_back({.fd = listener.fd.get(), .events = POLLIN, .revents = 0});
  }
}

bool AcceptLoop::run() noexcept {
  while (window_.stop_requests() == 0 && !unusable_) {
    wait_for_work();
    sessions_.settle();
    answer_requests_();
    admit_waiting_clients();
  }
  stop_listening();
  return !unusable_;
}

void AcceptLoop::stop_listening() noexcept {
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

  const bool full = sessions_.open() == sessions_.most();
  const bool paused = posix::Clock::now() < paused_until_;
  if (full) say_when_full();
  const std::span<pollfd> polled = full || paused ? std::span<pollfd>{} : std::span<pollfd>(polled_);
  const auto limit = paused ? posix::time_left(paused_until_) : std::nullopt;
  const int ready = window_.wait(polled, limit);
  if (ready > 0) return;
  accepts_since_signals_ = 0;  // it ended by a signal or with none pending
  if (ready < 0 && errno != EINTR) {
    // Kernel memory, or a descriptor limit below the number of listeners: neither lasts.
    log_.limited_line(accept_failures_, "cannot wait for clients: %s", std::strerror(errno));
    pause();
  }
}

void AcceptLoop::admit_waiting_clients() noexcept {
  const std::size_t count = polled_.size();
  const std::size_t first = first_listener_++;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t listener = (first + i) % count;
    if (listener >= polled_.size() || polled_[listener].revents == 0) continue;
    while (accepts_since_signals_ < accepts_per_window && sessions_.open() < sessions_.most()) {
      if (!admit_one(polled_[listener].fd)) break;
      if (window_.stop_requests() > 0) return;  // the iterative server hears it in the middle of a session
    }
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
  sessions_.start(std::move(connection), peer);
  return true;
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
      log_.line("a listening socket has become unusable: accept: %s", std::strerror(error));
      unusable_ = true;
      return false;
  }
  log_.limited_line(accept_failures_, "cannot accept: %s; clients wait in the listen queue meanwhile",
                    std::strerror(error));
  pause();
  return false;
}

void AcceptLoop::pause() noexcept {
  paused_until_ = posix::Clock::now() + pause_after_shortage;
}

void AcceptLoop::say_when_full() noexcept {
  log_.limited_line(full_,
                    "%u sessions are open, as many as --max-connections allows: further clients wait in the "
                    "listen queue",
                    sessions_.open());
}

}  // namespace tcpserver::server
