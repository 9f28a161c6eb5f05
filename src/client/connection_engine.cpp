#include "tcpserver/client/connection_engine.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/base/stop_signals.hpp"
#include "tcpserver/base/system_error.hpp"

#include "client/self_connection.hpp"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tcpserver::client {

namespace {

using base::Clock;
using base::SocketAddress;
using base::TimePoint;

// ENOTCONN means that the kernel is still connecting.
bool must_wait(int error) {
  return base::would_block(error) || error == ENOTCONN;
}

}  // namespace

base::UniqueFd open_socket(const SocketAddress& server) noexcept {
  return base::UniqueFd(::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int socket_error(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void require_descriptors(const std::string& option, std::uint32_t connections) {
  // The standard streams, epoll, the terminal, and inherited descriptors.
  constexpr rlim_t others = 16;
  base::raise_descriptor_limit();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= connections + others) return;
  throw base::StartError(base::ExitStatus::system,
                         option + ": " + std::to_string(connections) + " connections need " +
                             std::to_string(connections + others) + " descriptors; the limit is " +
                             std::to_string(limit.rlim_cur) + " (ulimit -n)");
}

ConnectionEngine::ConnectionEngine(EngineSettings settings, ConnectionHandler& handler)
    : settings_(std::move(settings)),
      checks_for_itself_(
          std::any_of(settings_.addresses.begin(), settings_.addresses.end(), may_connect_to_itself)),
      handler_(handler),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      buffer_(settings_.buffer + 1),  // one byte more than a reply, to detect a longer one
      connections_(settings_.open),
      start_time_(Clock::now()),
      now_(start_time_),
      last_activity_(start_time_) {
  if (!epoll_) throw base::system_error("wait for connections (epoll_create1)");
  free_.reserve(settings_.open);
  for (std::uint32_t slot = settings_.open; slot > 0; --slot) free_.push_back(slot - 1);
}

int ConnectionEngine::run() {
  const base::StopSignals signals;
  start_time_ = now_ = last_activity_ = Clock::now();
  auto next_tick = start_time_;
  while (!finished() && signals.received() == 0) {
    const auto next_start = handler_.open_due();
    wait(finished() ? now_ : std::min(next_tick, next_start), signals.original_mask());
    if (now_ < next_tick) continue;
    signals.deliver_pending();
    handler_.on_tick();
    next_tick = Clock::now() + settings_.tick;
  }
  signals.deliver_pending();  // otherwise a pending signal would kill the process after this function
  return signals.received();
}

bool ConnectionEngine::finished() const noexcept {
  return stalled_ || (started_ == settings_.connections && open_ == 0);
}

// Waits for an event, the next deadline, or `wake`. Level-triggered: an event is reported until it is handled
// (epoll(7)).
void ConnectionEngine::wait(TimePoint wake, const sigset_t& mask) {
  const int count = wait_for_events(*base::time_left(std::min(wake, earliest_)), mask);
  if (count < 0 && errno != EINTR) throw base::system_error("wait for connections (epoll_pwait)");
  now_ = Clock::now();
  for (int i = 0; i < count; ++i) {
    const auto& event = events_[static_cast<std::size_t>(i)];
    step(connections_[event.data.u32], event.events);
    handler_.open_due();
  }
  if (now_ >= earliest_) expire();
}

// epoll_pwait2 (Linux 5.11) has nanoseconds. On older kernels, the limit is rounded up to milliseconds.
int ConnectionEngine::wait_for_events(base::Duration limit, const sigset_t& mask) noexcept {
  static bool known = true;
  if (known) {
    const timespec exact = base::to_timespec(limit);
    const int count = ::epoll_pwait2(epoll_.get(), events_.data(), max_events, &exact, &mask);
    known = count >= 0 || errno != ENOSYS;
    if (known) return count;
  }
  constexpr std::int64_t longest = 60'000;
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  const auto timeout = static_cast<int>(std::min<std::int64_t>(milliseconds, longest));
  return ::epoll_pwait(epoll_.get(), events_.data(), max_events, timeout, &mask);
}

void ConnectionEngine::step(Connection& connection, std::uint32_t events) {
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if (broken || (events & EPOLLOUT) != 0) {
    if (connection.state == State::connecting && connection.holds_first) return hold_first(connection);
    const bool may_send = connection.state == State::connecting || connection.state == State::exchanging;
    if (may_send && connection.sent < connection.size) send(connection);
  }
  if (connection.state != State::closed && (broken || (events & EPOLLIN) != 0)) receive(connection);
}

void ConnectionEngine::set_state(Connection& connection, State state) {
  const auto is_busy = [](State s) { return s != State::closed && s != State::holding; };
  if (is_busy(state) && busy_ == 0) last_activity_ = now_;
  open_ = open_ + (state != State::closed) - (connection.state != State::closed);
  busy_ = busy_ + is_busy(state) - is_busy(connection.state);
  connection.state = state;
}

void ConnectionEngine::set_deadline(Connection& connection, TimePoint deadline) noexcept {
  connection.deadline = deadline;
  earliest_ = std::min(earliest_, deadline);
}

void ConnectionEngine::restart_timeout(Connection& connection, TimePoint at) noexcept {
  set_deadline(connection, settings_.timeout ? at + *settings_.timeout : TimePoint::max());
}

void ConnectionEngine::open(std::uint64_t size, TimePoint start_time, bool holds_first) {
  auto& connection = connections_[free_.back()];
  free_.pop_back();
  connection = {.holds_first = holds_first,
                .address = settings_.one_address ? address_ : 0,
                .number = ++started_,
                .size = size,
                .start_time = start_time};
  connect(connection);
}

// Connects to its current address. If each connection tries all addresses, each address gets an equal share
// of the remaining time.
void ConnectionEngine::connect(Connection& connection) {
  set_state(connection, State::connecting);
  restart_timeout(connection, std::max(connection.start_time, now_));
  if (settings_.timeout && !settings_.one_address) {
    const auto left = *base::time_left(connection.start_time + *settings_.timeout);
    set_deadline(connection, Clock::now() + left / (settings_.addresses.size() - connection.address));
  }
  handler_.on_connecting(connection);
  if (const int error = start_connect(connection); error != 0) {
    return fail(connection, error);
  }
  if (!connection.holds_first) send(connection);
  if (connection.state == State::connecting) watch(connection, true);
}

// Starts to connect. Returns 0 or errno. With a source address, connect chooses the port instead of bind, so
// that each source can use all its ports for each server (IP_BIND_ADDRESS_NO_PORT, ip(7)).
int ConnectionEngine::start_connect(Connection& connection) const noexcept {
  const auto& server = settings_.addresses[connection.address];
  connection.fd = open_socket(server);
  if (!connection.fd) return errno;
  if (!settings_.sources.empty()) {
    const auto& source = settings_.sources[(connection.number - 1) % settings_.sources.size()];
    constexpr int on = 1;  // if this fails, bind chooses the port
    static_cast<void>(::setsockopt(connection.fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on));
    if (::bind(connection.fd.get(), source.get(), source.size()) != 0) return errno;
  }
  if (::connect(connection.fd.get(), server.get(), server.size()) != 0 && errno != EINPROGRESS) return errno;
  if (!checks_for_itself_ || !is_connected_to_itself(connection.fd.get(), server)) return 0;
  base::close_with_reset(std::move(connection.fd));
  return ECONNREFUSED;
}

void ConnectionEngine::hold_first(Connection& connection) {
  if (const int error = socket_error(connection.fd.get()); error != 0) return fail(connection, error);
  reached_ = true;
  handler_.on_connected(connection);
  set_state(connection, State::holding);
  set_deadline(connection, Clock::now() + settings_.hold);
  watch(connection, false);
}

void ConnectionEngine::begin_exchange(Connection& connection) {
  set_state(connection, State::exchanging);
  restart_timeout(connection, std::max(connection.start_time, now_));
  send(connection);
}

void ConnectionEngine::begin_round(Connection& connection, TimePoint start_time) {
  ++connection.round;
  connection.sent = connection.received = 0;
  connection.start_time = start_time;
  begin_exchange(connection);
}

void ConnectionEngine::park(Connection& connection) {
  set_state(connection, State::holding);
  set_deadline(connection, TimePoint::max());
}

void ConnectionEngine::send(Connection& connection) {
  const auto size =
      static_cast<std::size_t>(std::min<std::uint64_t>(connection.size - connection.sent, settings_.buffer));
  const auto bytes = handler_.bytes_to_send(connection, connection.sent, size);
  const ssize_t count = ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count < 0) {
    if (!must_wait(errno)) return fail(connection, errno);
    if (connection.state != State::connecting) watch(connection, true);
    return;
  }
  if (connection.state == State::connecting) {
    reached_ = true;
    handler_.on_connected(connection);
    set_state(connection, State::exchanging);
  }
  if (connection.sent > 0) last_activity_ = now_;  // the server reads
  connection.sent += static_cast<std::uint64_t>(count);
  bytes_sent_ += static_cast<std::uint64_t>(count);
  restart_timeout(connection, std::max(connection.start_time, now_));
  const bool all = connection.sent == connection.size;
  if (all && settings_.half_close) ::shutdown(connection.fd.get(), SHUT_WR);  // recv reports a reset
  if (all) handler_.on_sent(connection);
  watch(connection, !all);
}

void ConnectionEngine::receive(Connection& connection) {
  const ssize_t count = ::recv(connection.fd.get(), buffer_.data(), buffer_.size(), 0);
  if (count < 0 && must_wait(errno)) return;
  if (count < 0) return fail(connection, errno);
  if (count > 0) return compare(connection, static_cast<std::size_t>(count));
  if (connection.state != State::ending) return fail(connection, {.kind = Fault::Kind::closed});
  handler_.on_closed(connection);
  close(connection);
}

// Compares the first `count` bytes of the buffer with the reply to what was sent so far.
void ConnectionEngine::compare(Connection& connection, std::size_t count) {
  bytes_received_ += count;
  const auto in_order =
      static_cast<std::size_t>(std::min<std::uint64_t>(count, connection.sent - connection.received));
  const auto expected = handler_.bytes_expected(connection, connection.received, in_order);
  const bool right = std::memcmp(buffer_.data(), expected.data(), in_order) == 0;
  if (!right || in_order < count) {
    const auto wrong = std::mismatch(expected.begin(), expected.end(), buffer_.begin()).first;
    return fail(connection, {.kind = Fault::Kind::wrong_bytes,
                             .at = connection.received + static_cast<std::uint64_t>(wrong - expected.begin()),
                             .too_long = right,
                             .bytes = {buffer_.data(), count}});
  }
  connection.received += count;
  last_activity_ = now_;
  restart_timeout(connection, now_);
  if (connection.received < connection.size) return;
  if (settings_.half_close) set_state(connection, State::ending);
  handler_.on_reply(connection);
}

// Tells epoll what the connection waits for.
void ConnectionEngine::watch(Connection& connection, bool writing) {
  if (connection.is_watched && connection.wants_to_write == writing) return;
  const auto slot = static_cast<std::uint32_t>(&connection - connections_.data());
  epoll_event event{.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.u32 = slot}};
  const int operation = connection.is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(epoll_.get(), operation, connection.fd.get(), &event) != 0) {
    return fail(connection, errno);
  }
  connection.is_watched = true;
  connection.wants_to_write = writing;
}

// Handles the deadlines that have passed, and finds the next one.
void ConnectionEngine::expire() {
  const bool may_try = !reached_ && address_ + 1 < settings_.addresses.size();
  const bool watches = settings_.stop_when_silent && settings_.timeout && !may_try && busy_ > 0;
  const auto silence = watches ? now_ - last_activity_ : base::Duration::zero();
  const bool silent = watches && silence >= *settings_.timeout;
  // While the server is silent, a due connection does not time out alone. Otherwise a new connection would
  // take its place just before the run ends.
  const bool may_become_silent = watches && silence >= *settings_.timeout / 2;
  earliest_ = TimePoint::max();
  for (auto& connection : connections_) {
    if (connection.state == State::closed) continue;
    const bool due = connection.deadline <= now_;
    if (connection.state == State::holding) {
      if (due) begin_exchange(connection);
    } else if (silent || (due && !may_become_silent)) {
      fail(connection, {.kind = Fault::Kind::timed_out});
    } else if (due) {
      connection.deadline = last_activity_ + *settings_.timeout;
    }
    if (connection.state != State::closed) earliest_ = std::min(earliest_, connection.deadline);
  }
  stalled_ = silent && !finished();
}

void ConnectionEngine::fail(Connection& connection, int error) {
  fail(connection, {.kind = Fault::Kind::error, .error = error});
}

void ConnectionEngine::fail(Connection& connection, const Fault& fault) {
  const bool timed_out = fault.kind == Fault::Kind::timed_out;
  if (!timed_out) last_activity_ = now_;
  if (connection.state == State::connecting) {
    handler_.on_address_failed(connection, timed_out ? ETIMEDOUT : fault.error);
    const bool chosen = settings_.one_address && reached_;
    if (!chosen && connection.address + 1 < settings_.addresses.size()) {
      connection.fd.reset();
      connection.is_watched = false;
      ++connection.address;
      if (settings_.one_address) address_ = connection.address;
      last_activity_ = now_;
      return connect(connection);
    }
  }
  reached_ = true;
  handler_.on_failed(connection, fault);
  close(connection);
}

void ConnectionEngine::close(Connection& connection) {
  if (settings_.reset && connection.fd) {
    base::close_with_reset(std::move(connection.fd));
  } else {
    connection.fd.reset();
  }
  connection.is_watched = false;
  set_state(connection, State::closed);
  free_.push_back(static_cast<std::uint32_t>(&connection - connections_.data()));
}

}  // namespace tcpserver::client
