#pragma once

#include "tcpserver/server/child/scoreboard.hpp"
#include "tcpserver/server/confine/sandbox.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/session/session.hpp"

namespace tcpserver::server {

struct ChildTask {
  pid_t parent;
  int connection;
  int highest_descriptor;  // the highest that the parent has opened
  cli::Service service;
  Sandbox sandbox;
  RecordingFile recording{};
};

// The whole life of a forked child: binds its life to its parent's, closes every other descriptor, the
// listeners among them, resets the signals, enters the sandbox, serves the session, and exits with a
// SessionEnd. Calls nothing that is not async-signal-safe.
[[noreturn]] void run_child(const ChildTask& task, SessionRecord& record) noexcept;

}  // namespace tcpserver::server
