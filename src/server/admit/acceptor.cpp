#include "tcpserver/server/admit/acceptor.hpp"

#include "server/admit/accept_error.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace tcpserver::server {

namespace {

// Large enough to admit a burst at full speed, small enough to reap children and to notice SIGTERM within
// milliseconds during a flood.
constexpr int accepts_per_window = 32;

// As in sshd and postgres: short for a waiting client, long enough to use no processor time.
constexpr auto pause_after_shortage = std::chrono::milliseconds(100);

bool still_listens(int fd) noexcept {
  int listens = 0;
  socklen_t size = sizeof listens;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

// A connection that accept returned.
struct Arrival {
  base::SocketAddress peer;
  Host host;
};

// Serve an arrival, or refuse it for this reason.
using Verdict = std::optional<Refusal>;

Verdict apply_limits(const Arrival& arrival, const ServerOptions& options,
                     const Sessions& sessions) noexcept {
  if (sessions.full()) return Refusal::full;
  if (options.max_per_host != 0 && sessions.count(arrival.host) >= options.max_per_host)
    return Refusal::host_full;
  return std::nullopt;
}

// Decides with all rules. First collects sessions that have just ended, so that a client is refused only for
// sessions that are open.
Verdict decide(const Arrival& arrival, const ServerOptions& options, Sessions& sessions) noexcept {
  if (!apply_limits(arrival, options, sessions)) return std::nullopt;
  sessions.reap_now();
  return apply_limits(arrival, options, sessions);
}

}  // namespace

Acceptor::Acceptor(const ServerOptions& options, Listeners& listeners, Sessions& sessions,
                   base::SignalWindow& window, Counters& counters, Log& log)
    : options_(options),
      listeners_(listeners),
      sessions_(sessions),
      window_(window),
      counters_(counters),
      log_(log) {
  for (const auto& listener : listeners_.all()) {
    polled_.push_back({.fd = listener.fd.get(), .events = POLLIN, .revents = 0});
  }
}

bool Acceptor::keeps_clients_queued() const noexcept {
  return (options_.overload == Overload::queue && sessions_.full()) || sessions_.is_short_of_memory();
}

// The iterative server needs none, and neither does a server whose clients stay queued.
void Acceptor::keep_spare_fd() noexcept {
  if (options_.overload != Overload::refuse || options_.mode != Mode::fork) {
    spare_fd_.reset();
  } else if (!spare_fd_) {
    // A file of its own, because a duplicate does not count in the table of the system.
    spare_fd_ = base::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
}

void Acceptor::wait(std::optional<base::TimePoint> due) noexcept {
  for (auto& polled : polled_) polled.revents = 0;
  if (accepts_since_signals_ >= accepts_per_window) {
    // Return without a wait: a handler may have noted what the wait would be for.
    window_.deliver_pending_signals();
    accepts_since_signals_ = 0;
    return;
  }

  keep_spare_fd();
  if (sessions_.full()) log_full();
  if (sessions_.is_short_of_memory()) {
    log_.limited_warning(short_of_memory_, "memory is short; clients stay queued until some is free");
    pause();
  }
  const bool paused = base::Clock::now() < paused_until_;
  const auto polled = paused || keeps_clients_queued() ? std::span<pollfd>{} : std::span<pollfd>(polled_);
  const auto pause_end = paused ? std::optional(paused_until_) : std::nullopt;
  const int ready = window_.wait(polled, base::time_left(base::earlier(pause_end, due)));
  if (ready > 0) return;
  accepts_since_signals_ = 0;  // the wait delivered all pending signals
  if (ready < 0 && errno != EINTR) {
    // Out of kernel memory, or a descriptor limit below the number of listeners. Neither lasts.
    log_.limited_warning(accept_failures_, "cannot wait for clients: %s", std::strerror(errno));
    pause();
  }
}

void Acceptor::admit_waiting() noexcept {
  const std::size_t count = polled_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t turn = (first_listener_ + i) % count;
    if (polled_[turn].revents == 0) continue;
    do {
      // The iterative server may close its listeners during a session, after a stop request.
      if (listeners_.closed() || window_.stop_requests() > 0) return;
      if (accepts_since_signals_ >= accepts_per_window || keeps_clients_queued()) {
        first_listener_ = turn + 1;  // the others come first next time
        return;
      }
    } while (admit_one(turn));
  }
}

base::UniqueFd Acceptor::accept_one(int listener, base::SocketAddress& peer) noexcept {
  socklen_t size = base::SocketAddress::storage_size;
  ++accepts_since_signals_;
  base::UniqueFd connection(::accept4(listener, peer.storage(), &size, SOCK_CLOEXEC));
  if (connection) {
    ++counters_.accepted;
    peer = peer.unmapped();
  }
  return connection;
}

// Takes one client from the queue of this listener. Returns false if the next one should wait.
bool Acceptor::admit_one(std::size_t index) noexcept {
  Arrival arrival;
  auto connection = accept_one(polled_[index].fd, arrival.peer);
  if (!connection) return handle_accept_error(index, errno);
  lost_in_a_row_ = 0;
  arrival.host = Host::of(arrival.peer);
  if (const auto why = decide(arrival, options_, sessions_)) {
    counters_.refuse(std::move(connection), *why);
    if (why == Refusal::host_full) log_host_refusal(arrival.peer);
    return true;
  }
  if (sessions_.start(std::move(connection), arrival.peer)) return true;
  pause();
  return false;
}

void Acceptor::log_host_refusal(const base::SocketAddress& peer) noexcept {
  char text[base::SocketAddress::text_size];
  log_.limited_warning(host_refusals_, "%s is refused: its %s has as many %s as --max-per-host allows, %u",
                       peer.format(text), Host::of(peer).is_ipv4 ? "address" : "/64",
                       sessions_.count(false).reaped ? "sessions open" : "places, taken by zombies too",
                       options_.max_per_host);
}

// Returns true if the next client can be accepted at once.
bool Acceptor::handle_accept_error(std::size_t index, int error) noexcept {
  const int listener = polled_[index].fd;
  switch (classify_accept_error(error)) {
    case AcceptAdvice::none_waiting:
      return false;
    case AcceptAdvice::retry:
      // Each error should have taken a connection off the queue. A whole batch of errors has a cause that
      // stays.
      if (++lost_in_a_row_ < accepts_per_window) {
        counters_.count_accept_error(error);
        return true;
      }
      lost_in_a_row_ = 0;
      break;
    case AcceptAdvice::short_of_descriptors:
      if (!spare_fd_) break;
      return refuse_with_spare_fd(listener, error);
    case AcceptAdvice::back_off:
      break;
    case AcceptAdvice::doubtful:
      if (still_listens(listener)) break;
      give_up(index, error);
      return false;
  }
  back_off(error);
  return false;
}

bool Acceptor::refuse_with_spare_fd(int listener, int error) noexcept {
  spare_fd_.reset();
  base::SocketAddress peer;
  auto connection = accept_one(listener, peer);
  const bool refused = static_cast<bool>(connection);
  // accept needs a descriptor before it looks for a client.
  const bool none_waiting = !refused && classify_accept_error(errno) == AcceptAdvice::none_waiting;
  if (refused) counters_.refuse(std::move(connection), Refusal::no_descriptor);
  keep_spare_fd();
  if (none_waiting) return false;
  if (!refused) {
    back_off(error);
    return false;
  }
  counters_.count_accept_error(error);
  log_.limited_warning(accept_failures_, "cannot accept: %s; clients are reset meanwhile",
                       std::strerror(error));
  return true;
}

void Acceptor::back_off(int error) noexcept {
  counters_.count_accept_error(error);
  log_.limited_warning(accept_failures_, "cannot accept: %s; clients wait in the listen queue meanwhile",
                       std::strerror(error));
  pause();
}

// Another process has shut down this socket: no client can come from it any more.
void Acceptor::give_up(std::size_t index, int error) noexcept {
  counters_.count_accept_error(error);
  polled_[index].fd = -1;  // ppoll ignores it
  listeners_.give_up(index);
  char address[base::SocketAddress::text_size];
  log_.warning("the socket on %s listens no more: accept: %s; %s",
               listeners_.all()[index].address.format(address), std::strerror(error),
               listeners_.closed() ? "there is none left" : "the others go on");
}

void Acceptor::pause() noexcept {
  paused_until_ = base::Clock::now() + pause_after_shortage;
}

void Acceptor::log_full() noexcept {
  const auto sessions = sessions_.count(false);
  log_.limited_warning(full_, "%u of %u %s, as --max-connections allows: further clients %s", sessions.open,
                       sessions.most, sessions.reaped ? "sessions open" : "places taken, by zombies too",
                       options_.overload == Overload::queue ? "wait in the listen queue" : "are reset");
}

}  // namespace tcpserver::server
