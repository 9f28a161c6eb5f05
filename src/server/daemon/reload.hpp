#pragma once

#include "tcpserver/server/options.hpp"

#include <string>

// What becomes of a running server's options when the configuration file was read again.
namespace tcpserver::server {

struct Reload {
  ServerOptions options;      // from now on in force
  std::string changed;        // "backlog 128 -> 7, max-connections 1000 -> 5"; empty: nothing
  std::string needs_restart;  // "port, mode": changed in the file, and not in force; empty: nothing
  bool backlog = false;       // what the server has to do about it
  bool idle_timeout = false;
  bool max_connections = false;
};

// Backlog, limits, time-outs and what is logged how change at once, the rest with a restart.
[[nodiscard]] Reload compare(const ServerOptions& running, const ServerOptions& read);

}  // namespace tcpserver::server
