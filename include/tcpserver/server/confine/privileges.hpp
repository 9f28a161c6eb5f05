#pragma once

#include "tcpserver/server/confine/account.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log.hpp"

#include <optional>
#include <vector>

// The privileges of the server itself, and the log lines about them.
namespace tcpserver::server {

// A directory tree in which the server may still create or remove files.
struct WritableDir {
  int descriptor = -1;  // an open directory, because the user of --user may have no access to its path
  bool create = false;
  bool remove = false;
};

// Switches this process to the account of --user permanently: no other groups, no capabilities,
// no_new_privs. Does nothing without an account. Warns if the process then runs as root. Call after the ports
// are bound. Throws StartError: no_permission without root (or CAP_SETUID and CAP_SETGID), system if the
// kernel refuses or if the process could switch back.
void switch_user(const ServerOptions& options, const std::optional<Account>& account, Log& log);

// Drops privileges that are no longer needed, in this process and its future children: writing files outside
// of `kept`, executing files, binding and connecting TCP sockets, signalling other processes (landlock(7):
// Linux 5.13, 6.7 for TCP, 6.12 for signals), and capabilities(7). Open files stay usable. Call once, after
// all files are open. Logs what an older kernel cannot forbid.
void drop_privileges(const ServerOptions& options, const std::vector<WritableDir>& kept, Log& log);

}  // namespace tcpserver::server
