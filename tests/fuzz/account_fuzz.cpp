// Input: the text of /etc/passwd or /etc/group, a byte 0x1e, and the name to find.
#include "tcpserver/server/confine/account.hpp"

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tcpserver::server;
  constexpr auto nobody_at_all = static_cast<uid_t>(-1);
  auto name = fuzz::to_text(data, size);
  const auto file = tcpserver::base::take_until(name, '\x1e');
  if (const auto user = find_user(file, name)) {
    fuzz::require(user->id != nobody_at_all, "nobody is found who stands for no change");
    fuzz::require(!user->group || *user->group != nobody_at_all, "nor such a group");
    fuzz::require(!name.empty(), "nobody has no name");
  }
  if (const auto group = find_group(file, name)) fuzz::require(*group != nobody_at_all, "nor here");
  return 0;
}
