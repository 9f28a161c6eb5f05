#pragma once

#include "server/child/launcher.hpp"

namespace tcpserver::server {

// Children by fork(2), with a copy of all memory of the parent. For processors without a small child, and for
// sanitizers, whose own memory every function needs.
class PlainLauncher final : public Launcher {
 public:
  [[nodiscard]] pid_t launch(const ChildOrder& order, SessionRecord& record) noexcept override;
};

}  // namespace tcpserver::server
