#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What --status shows: servers that run, and who is connected to them, as text and as JSON.
namespace tcpserver::server {

// A connection as the kernel has it.
struct ConnectionSnapshot {
  base::SocketAddress peer;
  base::SocketAddress local;
  std::string state;                      // "ESTABLISHED"
  std::optional<std::uint64_t> received;  // bytes from the client. Nothing: not told
  std::optional<std::uint64_t> sent;      // bytes to the client, those on their way included
  std::uint32_t receive_queue = 0;        // of the received ones, those that the session has not read
  std::uint32_t send_queue = 0;           // of the sent ones, those that the client's kernel has not
};

struct SessionSnapshot {
  pid_t pid = 0;                                 // its own process, or the server
  std::optional<base::Duration> age;             // nothing: served by the server itself, which does not tell
  std::optional<ConnectionSnapshot> connection;  // nothing: it is over, and its process is still there
  bool zombie = false;
};

struct ListenerSnapshot {
  base::SocketAddress local;
  std::uint32_t length = 0;  // connections that wait for accept
  std::uint32_t limit = 0;   // the backlog in effect
};

struct ServerSnapshot {
  pid_t pid = 0;
  base::Duration age{};
  std::chrono::system_clock::time_point started;
  std::vector<ListenerSnapshot> listeners;  // none: it is starting or stopping
  std::vector<SessionSnapshot> sessions;
};

// Oldest first; those whose age is not known at the end.
void sort_by_age(std::vector<SessionSnapshot>& sessions);

// In two units at most: "850 ms", "12 s", "3 m 05 s", "2 h 10 m", "4 d 03 h".
[[nodiscard]] std::string age_text(base::Duration age);

// Two lines a server, and under them a table with a line a session.
[[nodiscard]] std::string session_tables(const std::vector<ServerSnapshot>& servers);

// One document, one line: {"servers": [...]}.
[[nodiscard]] std::string session_tables_json(const std::vector<ServerSnapshot>& servers);

}  // namespace tcpserver::server
