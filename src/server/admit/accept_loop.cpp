#include "tcpserver/server/admit/accept_loop.hpp"

#include "server/admit/accept_error.hpp"

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

bool still_listens(int fd) noexcept {
  int listens = 0;
  socklen_t size = sizeof listens;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

}  // namespace

AcceptLoop::AcceptLoop(std::vector<Listener> listeners, Sessions& sessions, const Context& context)
    : listeners_(std::move(listeners)), sessions_(sessions), context_(context) {
  for (const auto& listener : listeners_) {
    polled_.push_back({.fd = listener.fd.get(), .events = POLLIN, .revents = 0});
  }
}

bool AcceptLoop::run() noexcept {
  while (context_.window.stop_requests() == 0 && given_up_ < listeners_.size()) {
    wait_for_work();
    // What a session that ended has given back may be what was short.
    if (sessions_.settle()) paused_until_ = {};
    // Before anybody is admitted: it sees a full server as full, and hears a stop first.
    context_.upkeep.after_wait();
    admit_waiting_clients();
  }
  const bool stop_requested = context_.window.stop_requests() > 0;
  stop_listening();
  return stop_requested;
}

void AcceptLoop::stop_listening() noexcept {
  if (listeners_.empty()) return;
  context_.upkeep.before_closing();
  listeners_.clear();
  polled_.clear();
}

bool AcceptLoop::leaves_clients_waiting() const noexcept {
  return (context_.options.overload == Overload::queue && sessions_.full()) || sessions_.is_short_of_memory();
}

// Where clients wait for better times, and in the iterative server, the place may rather be a client's.
void AcceptLoop::keep_reserve() noexcept {
  const auto& options = context_.options;
  if (options.overload == Overload::refuse && options.mode == Mode::fork) {
    reserve_.refill();
  } else {
    static_cast<void>(reserve_.spend());
  }
}

void AcceptLoop::wait_for_work() noexcept {
  for (auto& polled : polled_) polled.revents = 0;
  if (accepts_since_signals_ >= accepts_per_window) {
    // Not followed by a wait: what a handler notes here may be what the wait would be for.
    context_.window.deliver_pending_signals();
    accepts_since_signals_ = 0;
    return;
  }

  keep_reserve();
  if (sessions_.full()) say_when_full();
  if (sessions_.is_short_of_memory()) {
    context_.log.limited_warning(short_of_memory_, "memory is short; clients stay queued until some is free");
    pause();
  }
  const bool paused = base::Clock::now() < paused_until_;
  const bool deaf = paused || leaves_clients_waiting();
  const std::span<pollfd> polled = deaf ? std::span<pollfd>{} : std::span<pollfd>(polled_);
  const auto pause_end = paused ? std::optional(paused_until_) : std::nullopt;
  const int ready = context_.window.wait(polled, base::time_left(earlier(pause_end, context_.upkeep.due())));
  if (ready > 0) return;
  accepts_since_signals_ = 0;  // it ended by a signal or with none pending
  if (ready < 0 && errno != EINTR) {
    // Kernel memory, or a descriptor limit below the number of listeners: neither lasts.
    context_.log.limited_warning(accept_failures_, "cannot wait for clients: %s", std::strerror(errno));
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
      if (context_.window.stop_requests() > 0) return;
      if (accepts_since_signals_ >= accepts_per_window || leaves_clients_waiting()) {
        first_listener_ = turn + 1;  // the others come first next time
        return;
      }
    } while (admit_one(polled_[turn]));
  }
}

base::UniqueFd AcceptLoop::accept_one(int listener, base::SocketAddress& peer) noexcept {
  socklen_t size = base::SocketAddress::storage_size;
  ++accepts_since_signals_;
  base::UniqueFd connection(::accept4(listener, peer.storage(), &size, SOCK_CLOEXEC));
  if (connection) {
    ++context_.counters.accepted;
    peer = peer.unmapped();
  }
  return connection;
}

// Takes one client from this listener's queue. False where there is no use in trying the next at once.
bool AcceptLoop::admit_one(pollfd& listener) noexcept {
  base::SocketAddress peer;
  auto connection = accept_one(listener.fd, peer);
  if (!connection) return handle_accept_error(listener, errno);
  lost_in_a_row_ = 0;
  if (sessions_.full()) sessions_.catch_up();
  if (sessions_.full()) {
    context_.counters.refuse(std::move(connection), Refusal::full);
    return true;
  }
  if (sessions_.start(std::move(connection), peer)) return true;
  pause();
  return false;
}

bool AcceptLoop::handle_accept_error(pollfd& listener, int error) noexcept {
  switch (classify_accept_error(error)) {
    case AcceptAdvice::none_waiting:
      return false;
    case AcceptAdvice::retry:
      // Each should have taken a connection off the queue. A whole window of them looks like a cause that
      // stays.
      if (++lost_in_a_row_ < accepts_per_window) {
        context_.counters.count_accept_error(error);
        return true;
      }
      lost_in_a_row_ = 0;
      break;
    case AcceptAdvice::short_of_descriptors:
      if (!reserve_.spend()) break;
      return refuse_by_the_reserve(listener.fd, error);
    case AcceptAdvice::back_off:
      break;
    case AcceptAdvice::doubtful:
      if (still_listens(listener.fd)) break;
      give_up(listener, error);
      return false;
  }
  rest_after(error);
  return false;
}

// With the place of the spent reserve. False where nobody is waiting, or accept fails all the same.
bool AcceptLoop::refuse_by_the_reserve(int listener, int error) noexcept {
  base::SocketAddress peer;
  auto connection = accept_one(listener, peer);
  const bool none_waiting = !connection && classify_accept_error(errno) == AcceptAdvice::none_waiting;
  const bool refused = static_cast<bool>(connection);
  if (refused) context_.counters.refuse(std::move(connection), Refusal::no_descriptor);
  reserve_.refill();
  if (none_waiting) return false;  // accept looks for a descriptor before it looks for a client
  if (!refused) {
    rest_after(error);
    return false;
  }
  context_.counters.count_accept_error(error);
  context_.log.limited_warning(accept_failures_, "cannot accept: %s; clients are reset meanwhile",
                               std::strerror(error));
  return true;
}

// The clients stay where they are.
void AcceptLoop::rest_after(int error) noexcept {
  context_.counters.count_accept_error(error);
  context_.log.limited_warning(accept_failures_,
                               "cannot accept: %s; clients wait in the listen queue meanwhile",
                               std::strerror(error));
  pause();
}

// Somebody who has the same socket has shut it down: no client can ever come from it.
void AcceptLoop::give_up(pollfd& listener, int error) noexcept {
  auto& lost = listeners_[static_cast<std::size_t>(&listener - polled_.data())];
  char address[base::SocketAddress::text_size];
  listener.fd = -1;  // ppoll passes over it
  lost.fd.reset();   // or the next listen(2), at a reload, would have it take clients whom nobody accepts
  context_.counters.count_accept_error(error);
  ++given_up_;
  context_.log.warning("the socket on %s listens no more: accept: %s; %s", lost.address.format(address),
                       std::strerror(error),
                       given_up_ == listeners_.size() ? "there is none left" : "the others go on");
}

void AcceptLoop::pause() noexcept {
  paused_until_ = base::Clock::now() + pause_after_shortage;
}

void AcceptLoop::say_when_full() noexcept {
  const auto sessions = sessions_.count(false);
  context_.log.limited_warning(
      full_, "%u of %u %s, as --max-connections allows: further clients %s", sessions.open, sessions.most,
      sessions.reaped ? "sessions open" : "places taken, by zombies too",
      context_.options.overload == Overload::queue ? "wait in the listen queue" : "are reset");
}

}  // namespace tcpserver::server
