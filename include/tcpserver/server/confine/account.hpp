#pragma once

#include "tcpserver/server/options.hpp"

#include <sys/types.h>

#include <optional>
#include <string_view>

// Users and groups in /etc/passwd and /etc/group (passwd(5), group(5)). Reads the files itself, because a
// static program cannot load the name services of libc.
namespace tcpserver::server {

struct Account {
  uid_t user = 0;
  gid_t group = 0;
};

struct User {
  uid_t id = 0;
  std::optional<gid_t> group;  // nullopt if /etc/passwd does not have this number
};

// Accepts a name or a number up to 2^32 - 2 (setresuid(2) reserves the largest). Returns nullopt for an
// unknown name. Skips malformed lines.
[[nodiscard]] std::optional<User> find_user(std::string_view passwd, std::string_view user);
[[nodiscard]] std::optional<gid_t> find_group(std::string_view group_file, std::string_view group);

// Looks up the user and group on this system. Throws StartError (no_user) for an unknown name, or if the
// request has no group and the user is not in /etc/passwd.
[[nodiscard]] Account find_account(const UserRequest& request);

}  // namespace tcpserver::server
