// Input: the text of /etc/passwd or /etc/group, a byte 0x1e, and the name to find.
#include "tcpserver/server/confine/account.hpp"

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tcpserver::server;
  constexpr auto unset = static_cast<uid_t>(-1);
  auto name = fuzz::to_text(data, size);
  const auto file = tcpserver::base::take_until(name, '\x1e');
  if (const auto user = find_user(file, name)) {
    fuzz::require(user->id != unset, "a user id is not -1");
    fuzz::require(!user->group || *user->group != unset, "the group of a user is not -1");
    fuzz::require(!name.empty(), "an empty name finds no user");
  }
  if (const auto group = find_group(file, name)) fuzz::require(*group != unset, "a group id is not -1");
  return 0;
}
