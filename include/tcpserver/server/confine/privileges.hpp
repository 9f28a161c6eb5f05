#pragma once

#include "tcpserver/server/confine/account.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log.hpp"

#include <optional>
#include <vector>

// The privileges of the server itself, and the log lines about them.
namespace tcpserver::server {

// A directory tree in which the server may still remove files, or create and write them.
struct WritableDir {
  int descriptor = -1;  // the open directory: its path may be closed to the user of --user
  bool create = false;
  bool remove = false;
};

// Switches this process to the account of --user permanently: only this group, no capabilities,
// no_new_privs. Without an account it changes nothing. Warns if the process then runs as root. Call after the
// ports are bound. Throws StartError: no_permission without root (or CAP_SETUID and CAP_SETGID), system if
// the kernel refuses or if the process could switch back.
void switch_user(const ServerOptions& options, const std::optional<Account>& account, Log& log);

// Drops the privileges that are no longer needed, for this process and all its children: writing files
// outside of `kept`, executing files, binding and connecting TCP sockets, signalling other processes
// (landlock(7): Linux 5.13, 6.7 for TCP, 6.12 for signals), and capabilities(7). Open files stay usable. Call
// once, after the last file was opened. Drops less where the kernel cannot, and logs it.
void drop_privileges(const ServerOptions& options, const std::vector<WritableDir>& kept, Log& log);

}  // namespace tcpserver::server
