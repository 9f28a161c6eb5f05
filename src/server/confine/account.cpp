#include "tcpserver/server/confine/account.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/values.hpp"

#include <cstdint>

namespace tcpserver::server {

namespace {

std::string_view take_field(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto field = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return field;
}

std::optional<std::uint32_t> parse_id(std::string_view text) {
  constexpr std::uint32_t reserved = UINT32_MAX;  // (uid_t) -1 means "do not change"
  const auto id = base::parse_count(text, 0, reserved - 1);
  return id ? std::optional(static_cast<std::uint32_t>(*id)) : std::nullopt;
}

// A line of passwd or group begins with name:password:id.
struct Entry {
  std::string_view name;
  std::uint32_t id;
  std::string_view rest;
};

std::optional<Entry> find_entry(std::string_view file, auto matches) {
  while (!file.empty()) {
    auto line = take_field(file, '\n');
    const auto name = take_field(line, ':');
    take_field(line, ':');
    const auto id = parse_id(take_field(line, ':'));
    if (name.empty() || !id) continue;
    const Entry entry{.name = name, .id = *id, .rest = line};
    if (matches(entry)) return entry;
  }
  return std::nullopt;
}

std::optional<Entry> find_name(std::string_view file, std::string_view name) {
  return find_entry(file, [name](const Entry& entry) { return entry.name == name; });
}

// Returns an empty text if the file does not exist, as in some containers. Numbers still work then.
std::string read_database(const char* path) {
  constexpr std::size_t largest = 64U << 20;
  const auto text = base::read_file(path, largest);
  if (!text && errno != ENOENT) throw base::system_error(std::string("read ") + path);
  return text.value_or("");
}

[[noreturn]] void fail(const UserRequest& request, const std::string& why) {
  throw base::StartError(base::ExitStatus::no_user, request.source + ": " + why);
}

}  // namespace

std::optional<User> find_user(std::string_view passwd, std::string_view user) {
  auto entry = find_name(passwd, user);
  const auto id = parse_id(user);
  if (!entry && id) {
    entry = find_entry(passwd, [&](const Entry& candidate) { return candidate.id == *id; });
    if (!entry) return User{*id, std::nullopt};
  }
  if (!entry) return std::nullopt;
  return User{entry->id, parse_id(take_field(entry->rest, ':'))};
}

std::optional<gid_t> find_group(std::string_view group_file, std::string_view group) {
  const auto entry = find_name(group_file, group);
  return entry ? entry->id : parse_id(group);
}

Account find_account(const UserRequest& request) {
  const auto& user = request.user;
  const auto& group = request.group;
  const auto found = find_user(read_database("/etc/passwd"), user);
  if (!found) fail(request, "unknown user '" + user + "'");
  if (group.empty() && !found->group) {
    fail(request, "user " + user + " is not in /etc/passwd; add a group, such as " + user + ":" + user);
  }
  if (group.empty()) return {found->id, *found->group};
  const auto group_id = find_group(read_database("/etc/group"), group);
  if (!group_id) fail(request, "unknown group '" + group + "'");
  return {found->id, *group_id};
}

}  // namespace tcpserver::server
