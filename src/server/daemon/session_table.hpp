#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/kernel/tcp_sockets.hpp"

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

// The output of --status: running servers and who is connected to them, as text and as JSON.
namespace tcpserver::server {

struct SessionSnapshot {
  pid_t pid = 0;                                // of its own process, or of the server
  std::optional<base::Duration> age;            // nullopt if the server itself serves it
  std::optional<kernel::TcpSocket> connection;  // nullopt if it is closed and the process still exists
  bool zombie = false;
};

struct ServerSnapshot {
  pid_t pid = 0;
  base::Duration age{};
  std::chrono::system_clock::time_point started;
  std::vector<kernel::TcpSocket> listeners;  // empty while the server starts or stops
  std::vector<SessionSnapshot> sessions;
};

// Sorts the oldest first, and those of unknown age last.
void sort_by_age(std::vector<SessionSnapshot>& sessions);

// At most two units: "850 ms", "12 s", "3 m 05 s", "2 h 10 m", "4 d 03 h".
[[nodiscard]] std::string age_text(base::Duration age);

// Two lines per server, and a table with a line per session.
[[nodiscard]] std::string session_tables(const std::vector<ServerSnapshot>& servers);

// One line: {"servers": [...]}.
[[nodiscard]] std::string session_tables_json(const std::vector<ServerSnapshot>& servers);

}  // namespace tcpserver::server
