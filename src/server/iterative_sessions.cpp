#include "tcpserver/server/iterative_sessions.hpp"

#include <fcntl.h>

#include <algorithm>

namespace tcpserver::server {

IterativeSessions::IterativeSessions(const options::ServerOptions& options, SignalWindow& window,
                                     Counters& counters, std::function<void()> attend)
    : options_(options), window_(window), counters_(counters), attend_(std::move(attend)) {
  window_.start_reaping(nullptr);  // children that this program inherited over exec
}

void IterativeSessions::start(posix::UniqueFd connection, const posix::SocketAddress&) noexcept {
  SessionBytes bytes{};
  serving_ = true;
  auto end = SessionEnd::broken;
  const int flags = ::fcntl(connection.get(), F_GETFL);
  if (flags >= 0 && ::fcntl(connection.get(), F_SETFL, flags | O_NONBLOCK) == 0) {
    end = run_session(connection.get(), options_.service, bytes, this);
  }
  serving_ = false;
  counters_.count_end(end, bytes);
}

SessionWaiter::Result IterativeSessions::wait(int connection, short events) noexcept {
  std::optional<posix::TimePoint> idle_deadline;
  if (options_.idle_timeout > posix::Duration::zero())
    idle_deadline = posix::Clock::now() + options_.idle_timeout;

  window_.let_signals_in();
  for (;;) {
    attend_();
    const int stop_requests = window_.stop_requests();
    const auto now = posix::Clock::now();
    if (stop_requests > 0 && !drain_deadline_) drain_deadline_ = now + options_.drain_timeout;
    if (stop_requests > 1 || (drain_deadline_ && now >= *drain_deadline_)) return Result::stop;
    if (idle_deadline && now >= *idle_deadline) return Result::timed_out;

    auto deadline = idle_deadline;
    if (drain_deadline_) deadline = std::min(*drain_deadline_, idle_deadline.value_or(*drain_deadline_));
    pollfd polled{.fd = connection, .events = events, .revents = 0};
    if (window_.wait({&polled, 1}, posix::time_left(deadline)) > 0) return Result::ready;
  }
}

}  // namespace tcpserver::server
