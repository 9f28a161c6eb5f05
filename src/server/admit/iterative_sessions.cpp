#include "tcpserver/server/admit/iterative_sessions.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/server/report/session_report.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tcpserver::server {

IterativeSessions::IterativeSessions(Context context) : context_(std::move(context)) {
  context_.window.start_reaping(
      base::collector_of_strangers());  // children that this program inherited over exec
}

OpenSessions IterativeSessions::count(bool with_bytes) const noexcept {
  OpenSessions sessions{.open = serving_ ? 1U : 0U, .most = 1, .reaped = true, .bytes = {}};
  if (with_bytes && serving_) sessions.bytes.add(record_.claims());
  return sessions;
}

bool IterativeSessions::start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept {
  record_.reset();
  serving_ = true;
  idle_timeout_ = context_.options.idle_timeout;
  auto facts = facts_of(connection.get(), peer, context_.log);
  say_session_open(context_.log, facts, ::getpid());
  base::UniqueFd file;
  if (context_.recorder != nullptr) file = context_.recorder->begin(peer);
  facts.recorded = static_cast<bool>(file);
  auto end = SessionEnd::broken;
  const int flags = ::fcntl(connection.get(), F_GETFL);
  if (flags >= 0 && ::fcntl(connection.get(), F_SETFL, flags | O_NONBLOCK) == 0) {
    end = run_session(connection.get(), context_.options.service, record_, this,
                      file ? context_.recorder->recording_in(file.get()) : RecordingFile{});
  } else {
    record_.error.store(errno, std::memory_order_relaxed);
  }
  serving_ = false;
  const auto claims = record_.claims();
  if (!reply_is_complete(end, claims)) base::close_with_reset(std::move(connection));
  SessionOutcome outcome{.end = end,
                         .signal = 0,
                         .error = end == SessionEnd::broken ? claims.error : 0,
                         .bytes = {},
                         .duration = base::Clock::now() - facts.started,
                         .recorded = std::nullopt};
  outcome.bytes.add(claims);
  if (facts.recorded) context_.recorder->end(peer, claims, outcome);
  if (end == SessionEnd::broken) {
    char text[base::SocketAddress::text_size];
    context_.log.limited_warning(odd_ends_, "the session of %s broke: %s", peer.format(text),
                                 std::strerror(outcome.error));
  }
  context_.counters.count_end(end, outcome.bytes, outcome.duration);
  say_session_end(context_.log, facts, ::getpid(), outcome);
  return true;
}

SessionWaiter::Result IterativeSessions::wait(int connection, short events) noexcept {
  const auto& options = context_.options;
  auto idle_limit = idle_timeout_;
  if (events == POLLOUT) idle_limit /= write_waits_per_idle_timeout;
  std::optional<base::TimePoint> idle_deadline;
  if (idle_timeout_ > base::Duration::zero()) idle_deadline = base::Clock::now() + idle_limit;

  context_.window.deliver_pending_signals();
  for (;;) {
    context_.upkeep.after_wait();
    const int stop_requests = context_.window.stop_requests();
    const auto now = base::Clock::now();
    if (stop_requests > 0 && !drain_deadline_) {
      drain_deadline_ = now + options.drain_timeout;
      say_draining(context_, 1);
    }
    if (stop_requests > 1 || (drain_deadline_ && now >= *drain_deadline_)) return Result::stop;
    if (idle_deadline && now >= *idle_deadline) return Result::timed_out;

    const auto deadline = earlier(earlier(idle_deadline, drain_deadline_), context_.upkeep.due());
    pollfd polled{.fd = connection, .events = events, .revents = 0};
    if (context_.window.wait({&polled, 1}, base::time_left(deadline)) > 0) return Result::ready;
  }
}

}  // namespace tcpserver::server
