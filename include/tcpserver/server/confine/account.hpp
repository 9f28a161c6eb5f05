#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

// Users and groups, looked up in the text of /etc/passwd and /etc/group itself (passwd(5), group(5)): a
// static program cannot count on the name services of libc, which it would have to load at run time.
namespace tcpserver::server {

struct Account {
  uid_t user = 0;
  gid_t group = 0;
};

struct User {
  uid_t id = 0;
  std::optional<gid_t> group;  // nothing: a number of which /etc/passwd knows nothing
};

// By name, else by number: digits up to 2^32 - 2, for the largest is nobody's (setresuid(2)). Nothing for a
// name that is not there. Lines that are not of passwd's form are passed over.
[[nodiscard]] std::optional<User> find_user(std::string_view passwd, std::string_view user);
[[nodiscard]] std::optional<gid_t> find_group(std::string_view group_file, std::string_view group);

// Looks both up on this system; an empty group is the user's own. Throws StartError (no_user) for who is not
// known, and for the number of an unknown user who has no group with it.
[[nodiscard]] Account find_account(const std::string& user, const std::string& group);

// Switches this process to the account permanently. Keeps only this group, drops all capabilities and sets
// no_new_privs, even if the process already runs as that user. Throws StartError: no_permission without root
// (or CAP_SETUID and CAP_SETGID), system if the kernel refuses or if the process could switch back.
void switch_to(const Account& account);

}  // namespace tcpserver::server
