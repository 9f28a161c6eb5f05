#include "tcpserver/server/admit/acceptor.hpp"

#include "tcpserver/base/system_error.hpp"

#include "server/admit/accept_error.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tcpserver::server {

namespace {

// Large enough to admit a burst at full speed, small enough to reap children and to handle SIGTERM within
// milliseconds during a flood.
constexpr int accepts_per_window = 32;

// sshd and postgres use the same value: short for a waiting client, long enough to use almost no CPU time.
constexpr auto pause_after_shortage = std::chrono::milliseconds(100);

// "Slots free again" is logged when a slot has been free for free_time, and not sooner than pair_time after
// the limit. So a server that reaches its limit again and again logs at most two lines per pair_time.
constexpr auto free_time = std::chrono::seconds(1);
constexpr auto pair_time = std::chrono::seconds(5);

bool is_listening(int fd) noexcept {
  int listens = 0;
  socklen_t size = sizeof listens;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

// A connection that accept returned.
struct Arrival {
  base::SocketAddress peer;
  Host host;
};

// nullopt to serve the client, or the reason to refuse it.
using Verdict = std::optional<Refusal>;

Verdict apply_limits(const Arrival& arrival, const ServerOptions& options,
                     const Sessions& sessions) noexcept {
  if (sessions.full()) return Refusal::full;
  if (options.max_per_host != 0 && sessions.count(arrival.host) >= options.max_per_host)
    return Refusal::host_full;
  return std::nullopt;
}

// Applies all rules. Before it refuses a client, it collects sessions that have just ended, so that only open
// sessions count.
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

// The spare descriptor is needed only to refuse clients, which the iterative server never does.
void Acceptor::keep_spare_fd() noexcept {
  if (options_.overload != Overload::refuse || options_.mode != Mode::fork) {
    spare_fd_.reset();
  } else if (!spare_fd_) {
    // Open a file instead of duplicating a descriptor, because a duplicate takes no entry in the system's
    // file table.
    spare_fd_ = base::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
}

void Acceptor::wait(std::optional<base::TimePoint> due) noexcept {
  for (auto& polled : polled_) polled.revents = 0;
  if (accepts_since_signals_ >= accepts_per_window) {
    // Do not wait: a handler may have set a flag that the caller must check first.
    window_.deliver_pending_signals();
    accepts_since_signals_ = 0;
    return;
  }

  keep_spare_fd();
  const auto now = base::Clock::now();
  const auto slots_free_due = track_limit(now);
  if (sessions_.is_short_of_memory()) {
    log_.limited_warning(short_of_memory_, LogEvent{"memory_short"}, "low memory; clients stay queued");
    pause();
  }
  const bool paused = now < paused_until_;
  const auto polled = paused || keeps_clients_queued() ? std::span<pollfd>{} : std::span<pollfd>(polled_);
  const auto pause_end = paused ? std::optional(paused_until_) : std::nullopt;
  const auto until = base::earlier(base::earlier(pause_end, due), slots_free_due);
  const int ready = window_.wait(polled, base::time_left(until));
  if (ready > 0) return;
  accepts_since_signals_ = 0;  // the wait delivered all pending signals
  if (ready < 0 && errno != EINTR) {
    // Out of kernel memory, or a descriptor limit below the number of listeners. Both are temporary.
    const int error = errno;
    log_.limited_warning(accept_failures_, {"poll_error", {{"errno", base::errno_name(error)}}},
                         "ppoll: %s; backing off, clients stay queued", std::strerror(error));
    pause();
  }
}

void Acceptor::admit_waiting() noexcept {
  const std::size_t count = polled_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t turn = (first_listener_ + i) % count;
    if (polled_[turn].revents == 0) continue;
    do {
      // The iterative server closes its listeners during a session if a stop is requested.
      if (listeners_.closed() || window_.stop_requests() > 0) return;
      if (accepts_since_signals_ >= accepts_per_window || keeps_clients_queued()) {
        first_listener_ = turn + 1;  // the others have priority next time
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

// Accepts one client from this listener. Returns false if the next one should wait.
bool Acceptor::admit_one(std::size_t index) noexcept {
  Arrival arrival;
  auto connection = accept_one(polled_[index].fd, arrival.peer);
  if (!connection) return handle_accept_error(index, errno);
  lost_in_a_row_ = 0;
  arrival.host = Host::from(arrival.peer);
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
  const auto host = Host::from(peer);
  const auto open = sessions_.count(host);
  log_.limited_warning(host_refusals_, {"host_limit_reached", {{"peer", peer.format(text)}, {"open", open}}},
                       "refused %s: its %s already has %u %s (--max-per-host)", peer.format(text),
                       host.is_ipv4 ? "address" : "/64", open,
                       sessions_.count(false).reaped ? "open sessions" : "slots, zombies included");
}

// Returns true if the next client can be accepted at once.
bool Acceptor::handle_accept_error(std::size_t index, int error) noexcept {
  const int listener = polled_[index].fd;
  switch (classify_accept_error(error)) {
    case AcceptAdvice::none_waiting:
      return false;
    case AcceptAdvice::retry:
      // Each error should have removed a connection from the queue. A whole batch of errors means that the
      // cause persists.
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
    case AcceptAdvice::check_listener:
      if (is_listening(listener)) break;
      drop_listener(index, error);
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
  // accept allocates a descriptor before it checks the queue.
  const bool none_waiting = !refused && classify_accept_error(errno) == AcceptAdvice::none_waiting;
  if (refused) counters_.refuse(std::move(connection), Refusal::no_descriptor);
  keep_spare_fd();
  if (none_waiting) return false;
  if (!refused) {
    back_off(error);
    return false;
  }
  counters_.count_accept_error(error);
  log_.limited_warning(accept_failures_, {"accept_error", {{"errno", base::errno_name(error)}}},
                       "accept: %s; resetting clients", std::strerror(error));
  return true;
}

void Acceptor::back_off(int error) noexcept {
  counters_.count_accept_error(error);
  log_.limited_warning(accept_failures_, {"accept_error", {{"errno", base::errno_name(error)}}},
                       "accept: %s; backing off, clients stay queued", std::strerror(error));
  pause();
}

// Another process has shut down this socket, so it will never accept a client again.
void Acceptor::drop_listener(std::size_t index, int error) noexcept {
  counters_.count_accept_error(error);
  polled_[index].fd = -1;  // ppoll ignores it
  listeners_.close_one(index);
  char text[base::SocketAddress::text_size];
  const char* const address = listeners_.all()[index].address.format(text);
  const LogEvent event{"listener_failed", {{"listener", address}, {"errno", base::errno_name(error)}}};
  if (listeners_.closed()) {
    log_.error(event, "listener %s failed: accept: %s; no listener left", address, std::strerror(error));
  } else {
    log_.warning(event, "listener %s failed: accept: %s; other listeners continue", address,
                 std::strerror(error));
  }
}

void Acceptor::pause() noexcept {
  paused_until_ = base::Clock::now() + pause_after_shortage;
}

// Logs that the limit was reached, and later that slots are free again. Returns the time at which the second
// line is due; nullopt if none is planned.
std::optional<base::TimePoint> Acceptor::track_limit(base::TimePoint now) noexcept {
  if (sessions_.full()) {
    slots_free_since_.reset();
    if (!limit_logged_at_) {
      log_limit_reached();
      limit_logged_at_ = now;
    }
    return std::nullopt;
  }
  if (!limit_logged_at_) return std::nullopt;
  if (!slots_free_since_) slots_free_since_ = now;
  const auto due = std::max(*slots_free_since_ + free_time, *limit_logged_at_ + pair_time);
  if (now < due) return due;
  log_slots_free();
  limit_logged_at_.reset();
  return std::nullopt;
}

void Acceptor::log_limit_reached() noexcept {
  const auto sessions = sessions_.count(false);
  log_.warning({"limit_reached", {{"open", sessions.open}, {"max_connections", sessions.most}}},
               "limit reached: %u of %u %s (--max-connections); further clients %s", sessions.open,
               sessions.most, describe_open(sessions),
               options_.overload == Overload::queue ? "wait in the listen queue" : "are reset");
}

// A notice, so that with --quiet, too, the last of both lines is true.
void Acceptor::log_slots_free() noexcept {
  const auto sessions = sessions_.count(false);
  log_.notice({"slots_free", {{"open", sessions.open}, {"max_connections", sessions.most}}},
              "slots free again: %u of %u %s", sessions.open, sessions.most, describe_open(sessions));
}

}  // namespace tcpserver::server
