#include "tcpserver/server/confine/account.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"

#include "server/confine/capabilities.hpp"

#include <grp.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>

namespace tcpserver::server {

namespace {

std::string_view next_part(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

std::optional<std::uint32_t> number_of(std::string_view text) {
  constexpr std::uint32_t nobody_at_all = UINT32_MAX;  // (uid_t) -1: "leave it as it is"
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc{} || stop != end || number == nobody_at_all) return std::nullopt;
  return number;
}

// name:password:number[:number...]; both files begin like this.
struct Line {
  std::string_view name;
  std::uint32_t number = 0;
  std::string_view rest;
};

std::optional<Line> line_of(std::string_view text) {
  Line line;
  line.name = next_part(text, ':');
  next_part(text, ':');
  const auto number = number_of(next_part(text, ':'));
  if (line.name.empty() || !number) return std::nullopt;
  line.number = *number;
  line.rest = text;
  return line;
}

// The first line that fits, of passwd or group.
template <typename Fits>
std::optional<Line> find_line(std::string_view file, Fits fits) {
  while (!file.empty()) {
    const auto line = line_of(next_part(file, '\n'));
    if (line && fits(*line)) return line;
  }
  return std::nullopt;
}

std::optional<Line> find_name(std::string_view file, std::string_view name) {
  return find_line(file, [name](const Line& line) { return line.name == name; });
}

// Of no file nothing is known: a container may have none, and numbers do without.
std::string text_of(const char* path) {
  constexpr std::size_t far_too_large = 64U << 20;
  const auto text = base::read_file(path, far_too_large);
  if (!text && errno != ENOENT) throw base::system_error(std::string("read ") + path);
  return text.value_or("");
}

bool has_supplementary_groups() {
  const int count = ::getgroups(0, nullptr);
  if (count < 0) throw base::system_error("ask for the supplementary groups");
  return count > 0;
}

void expect(bool holds, const char* what) {
  if (!holds)
    throw base::StartError(base::ExitStatus::system, std::string("cannot become that user: ") + what);
}

void check_there_is_no_way_back(const Account& account, uid_t before) {
  expect(::getuid() == account.user && ::geteuid() == account.user, "the user is another one afterwards");
  expect(::getgid() == account.group && ::getegid() == account.group, "the group is another one afterwards");
  expect(!has_supplementary_groups(), "it still has further groups");
  expect(!has_capabilities(), "it still has capabilities");
  expect(account.user == 0 || (::seteuid(0) != 0 && ::setuid(0) != 0), "it can be root again");
  expect(account.user == before || ::seteuid(before) != 0, "it can be again who it was");
}

}  // namespace

std::optional<User> find_user(std::string_view passwd, std::string_view user) {
  auto line = find_name(passwd, user);
  const auto number = number_of(user);
  if (!line && number) {
    line = find_line(passwd, [&](const Line& one) { return one.number == *number; });
    if (!line) return User{*number, std::nullopt};
  }
  if (!line) return std::nullopt;
  const auto group = number_of(next_part(line->rest, ':'));
  return User{line->number, group ? std::optional<gid_t>(*group) : std::nullopt};
}

std::optional<gid_t> find_group(std::string_view group_file, std::string_view group) {
  if (const auto line = find_name(group_file, group)) return line->number;
  return number_of(group);
}

Account find_account(const std::string& user, const std::string& group) {
  const auto found = find_user(text_of("/etc/passwd"), user);
  if (!found) {
    throw base::StartError(base::ExitStatus::no_user,
                           "--user: no user '" + user + "' in /etc/passwd, and no number");
  }
  if (group.empty()) {
    if (found->group) return {found->id, *found->group};
    throw base::StartError(base::ExitStatus::no_user, "--user: /etc/passwd knows no group of user " + user +
                                                          "; say which, such as " + user + ":" + user);
  }
  const auto group_id = find_group(text_of("/etc/group"), group);
  if (!group_id) {
    throw base::StartError(base::ExitStatus::no_user,
                           "--user: no group '" + group + "' in /etc/group, and no number");
  }
  return {found->id, *group_id};
}

void switch_to(const Account& account) {
  const uid_t before = ::getuid();
  const bool is_it_already = before == account.user && ::geteuid() == account.user &&
                             ::getgid() == account.group && ::getegid() == account.group;
  // Groups first: without root they cannot be given up any more (POS36-C of the CERT C standard).
  const bool became = (!has_supplementary_groups() || ::setgroups(0, nullptr) == 0) &&
                      (is_it_already || (::setgid(account.group) == 0 && ::setuid(account.user) == 0));
  if (!became && errno == EPERM) {
    throw base::StartError(base::ExitStatus::no_permission,
                           is_it_already ? "--user: it has further groups, and only root can give them up"
                                         : "--user: only root can become another user");
  }
  if (!became) throw base::system_error("become user " + std::to_string(account.user));
  drop_capabilities();
  check_there_is_no_way_back(account, before);
}

}  // namespace tcpserver::server
