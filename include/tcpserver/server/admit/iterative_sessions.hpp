#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/server/child/sessions.hpp"
#include "tcpserver/server/session/session.hpp"

#include <optional>

namespace tcpserver::server {

// One client after another in this very process: start() returns when the session is over, and until then
// every other client waits in the listen queue. That is the problem which a fork per connection solves.
// Signals are served meanwhile: the session waits in the signal window.
class IterativeSessions final : public Sessions, private SessionWaiter {
 public:
  explicit IterativeSessions(Context context);

  [[nodiscard]] OpenSessions count(bool with_bytes) const noexcept override;
  void resize(std::uint32_t) override {}  // one is one
  [[nodiscard]] bool start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept override;
  bool settle() noexcept override { return false; }
  void catch_up() noexcept override {}
  void drain() noexcept override {}  // start() has seen to it

 private:
  Result wait(int connection, short events) noexcept override;

  Context context_;
  SessionRecord record_{};
  std::optional<base::TimePoint> drain_deadline_;
  base::Duration idle_timeout_{};  // of this session: a reload changes those to come
  bool serving_ = false;
  RateLimit odd_ends_{std::chrono::seconds(1)};
};

}  // namespace tcpserver::server
