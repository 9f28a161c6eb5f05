#pragma once

#include "tcpserver/server/child/sessions.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/session_report.hpp"

namespace tcpserver::server {

// One client after another in this process: start() returns when the session is over, and until then every
// other client waits in the listen queue. This is the problem that a fork per connection solves.
class IterativeSessions final : public Sessions {
 public:
  // `waiter` waits for the client and handles signals meanwhile. All references must outlive this object.
  IterativeSessions(const ServerOptions& options, SessionWaiter& waiter, SessionReporter& reporter)
      : options_(options), waiter_(waiter), reporter_(reporter) {}

  [[nodiscard]] OpenSessions count(bool with_bytes) const noexcept override;
  void resize(std::uint32_t) override {}  // one is one
  [[nodiscard]] bool start(base::UniqueFd connection, const base::SocketAddress& peer) noexcept override;

 private:
  const ServerOptions& options_;  // a reload changes them
  SessionWaiter& waiter_;
  SessionReporter& reporter_;
  SessionRecord record_{};
  bool serving_ = false;
};

}  // namespace tcpserver::server
