#pragma once

#include "tcpserver/base/clock.hpp"

#include <optional>

namespace tcpserver::server {

// What the server has to do beside its sessions, wherever it waits: in the accept loop, in an iterative
// session, in the drain.
class Upkeep {
 public:
  // After each wait in the signal window, when the handlers have noted what came.
  virtual void after_wait() noexcept = 0;

  // Before the listeners are closed.
  virtual void before_closing() noexcept = 0;

  // No wait should be longer than until then. Nothing: there is nothing to do before something comes.
  [[nodiscard]] virtual std::optional<base::TimePoint> due() const noexcept = 0;

 protected:
  ~Upkeep() = default;
};

// The earlier of two deadlines, of which each may be missing.
[[nodiscard]] inline std::optional<base::TimePoint> earlier(std::optional<base::TimePoint> left,
                                                            std::optional<base::TimePoint> right) noexcept {
  if (!left || !right) return left ? left : right;
  return *left < *right ? left : right;
}

}  // namespace tcpserver::server
