#pragma once

#include "tcpserver/server/confine/account.hpp"
#include "tcpserver/server/confine/sandbox.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log.hpp"

#include <optional>
#include <vector>

// What the server and its children may do, as the options say, and the log lines about it.
namespace tcpserver::server {

// The sandbox for the children. Throws StartError (system) where --sandbox on cannot be had.
[[nodiscard]] Sandbox choose_sandbox(const ServerOptions& options, Log& log);

// Who --user names, if anybody. Throws StartError (no_user) where there is no such user or group.
[[nodiscard]] std::optional<Account> find_the_user(const ServerOptions& options);

// Switches to that user, if any. Call after the ports are bound. Warns if the server keeps running as root.
// Throws StartError on failure.
void switch_user(const ServerOptions& options, const std::optional<Account>& account, Log& log);

// Drops privileges that are no longer needed. Call after the last file is opened. Files in `kept` stay
// writable.
void drop_privileges(const ServerOptions& options, const std::vector<WritableDir>& kept, Log& log);

}  // namespace tcpserver::server
