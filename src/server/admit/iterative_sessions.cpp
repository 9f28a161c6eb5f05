#include "tcpserver/server/admit/iterative_sessions.hpp"

#include "tcpserver/base/io.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace tcpserver::server {

OpenSessions IterativeSessions::count(bool with_bytes) const noexcept {
  OpenSessions sessions{.open = serving_ ? 1U : 0U, .most = 1, .reaped = true, .bytes = {}};
  if (with_bytes && serving_) sessions.bytes.add(record_.claims());
  return sessions;
}

bool IterativeSessions::start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept {
  record_.reset();
  serving_ = true;
  auto facts = reporter_.describe(connection.get(), peer);
  reporter_.begin(facts, ::getpid());
  const auto file = reporter_.open_recording(facts);
  auto end = SessionEnd::broken;
  const int flags = ::fcntl(connection.get(), F_GETFL);
  if (flags >= 0 && ::fcntl(connection.get(), F_SETFL, flags | O_NONBLOCK) == 0) {
    end = run_session(connection.get(), options_.service.verb, record_, waiter_, options_.idle_timeout,
                      reporter_.recording_in(file));
  } else {
    record_.error.store(errno, std::memory_order_relaxed);
  }
  serving_ = false;
  const auto claims = record_.claims();
  if (!reply_is_complete(end, claims)) base::close_with_reset(std::move(connection));
  reporter_.end(facts, ::getpid(), end, 0, claims);
  return true;
}

}  // namespace tcpserver::server
