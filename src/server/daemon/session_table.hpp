#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

// The output of --status: running servers and their sessions, as text and as JSON.
namespace tcpserver::server {

struct SessionSnapshot {
  pid_t pid = 0;                                // of the child, or of an iterative server
  std::optional<base::Duration> age;            // nullopt in an iterative server
  std::optional<kernel::TcpSocket> connection;  // nullopt if it is closed and the child still exists
  bool zombie = false;
};

enum class ServerState {
  starting,
  serving,
  stopping,  // its listeners are closed, and sessions may still be open
  suspended  // SIGSTOP, a debugger, or a frozen cgroup: clients wait
};

struct ServerSnapshot {
  pid_t pid = 0;
  ServerState state = ServerState::serving;
  base::Duration age{};
  std::chrono::system_clock::time_point started;
  std::vector<kernel::TcpSocket> listeners;
  std::vector<SessionSnapshot> sessions;
};

// Sorts the oldest first, and those of unknown age last.
void sort_by_age(std::vector<SessionSnapshot>& sessions);

// At most two units: "850ms", "12s", "3m05s", "2h10m", "4d03h".
[[nodiscard]] std::string age_text(base::Duration age);

// A few lines per server, and a table with a row per session. Fits `width`, which is at least 79, if no
// number is longer than usual.
[[nodiscard]] std::string session_tables(const std::vector<ServerSnapshot>& servers, std::size_t width);

// One line: {"servers": [...]}.
[[nodiscard]] std::string session_tables_json(const std::vector<ServerSnapshot>& servers);

}  // namespace tcpserver::server
