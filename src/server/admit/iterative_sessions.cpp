#include "tcpserver/server/admit/iterative_sessions.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/kernel/socket_facts.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>

namespace tcpserver::server {

namespace {

class IterativeSessions final : public Sessions {
 public:
  IterativeSessions(const ServerOptions& options, SessionWaiter& waiter, SessionReporter& reporter)
      : options_(options), waiter_(waiter), reporter_(reporter) {}

  [[nodiscard]] OpenSessions count(bool with_bytes) const noexcept override {
    OpenSessions sessions{.open = serving_ ? 1U : 0U, .most = 1, .reaped = true, .bytes = {}};
    if (with_bytes && serving_) sessions.bytes.add(record_.claims());
    return sessions;
  }

  void resize(std::uint32_t) override {}  // there is always one slot

  [[nodiscard]] bool start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept override {
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
    std::optional<std::uint64_t> acknowledged;
    if (end == SessionEnd::drained) {
      const auto left = kernel::unacknowledged_bytes(connection.get());
      if (left) acknowledged = claims.out - std::min<std::uint64_t>(*left, claims.out);
    }
    if (!reply_is_complete(end, claims)) base::close_with_reset(std::move(connection));
    reporter_.end(facts, ::getpid(), end, 0, claims, acknowledged);
    return true;
  }

 private:
  const ServerOptions& options_;  // a reload changes them
  SessionWaiter& waiter_;
  SessionReporter& reporter_;
  SessionRecord record_{};
  bool serving_ = false;
};

}  // namespace

std::unique_ptr<Sessions> make_iterative_sessions(const ServerOptions& options, SessionWaiter& waiter,
                                                  SessionReporter& reporter) {
  return std::make_unique<IterativeSessions>(options, waiter, reporter);
}

}  // namespace tcpserver::server
