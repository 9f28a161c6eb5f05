#include "server/confine/capabilities.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>
#include <utility>

namespace tcpserver::server {

namespace {

struct Sets {
  __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3] = {};
};

std::optional<Sets> read_sets() noexcept {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  Sets sets;
  return ::syscall(SYS_capget, &header, sets.words) == 0 ? std::optional(sets) : std::nullopt;
}

}  // namespace

bool has_capabilities() noexcept {
  const auto sets = read_sets();
  if (!sets) return true;
  unsigned any = 0;
  for (const auto& word : sets->words) any |= word.effective | word.permitted | word.inheritable;
  return any != 0;
}

unsigned permitted_capabilities() noexcept {
  const auto sets = read_sets();
  return sets ? sets->words[0].permitted : 0;
}

bool drop_capabilities(unsigned kept) noexcept {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);
  auto sets = read_sets();
  if (!sets) return false;
  for (auto& word : sets->words) {
    const unsigned left = std::exchange(kept, 0);
    word = {.effective = word.effective & left, .permitted = word.permitted & left, .inheritable = 0};
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  return ::syscall(SYS_capset, &header, sets->words) == 0;
}

}  // namespace tcpserver::server
