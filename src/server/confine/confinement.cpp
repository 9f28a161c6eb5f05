#include "tcpserver/base/unique_fd.hpp"
#include "tcpserver/server/confine/sandbox.hpp"

#include "server/confine/capabilities.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace tcpserver::server {

namespace {

// The same numbers on every architecture but alpha, for headers from before Linux 5.13.
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

// Landlock as of its ABI 6 (landlock(7)), for the headers of a system may be older than its kernel.
struct Ruleset {
  std::uint64_t files = 0;
  std::uint64_t net = 0;
  std::uint64_t scoped = 0;
};
struct __attribute__((packed)) RuleBeneath {
  std::uint64_t allowed = 0;
  std::int32_t folder = -1;
};
constexpr int rule_beneath = 1;  // LANDLOCK_RULE_PATH_BENEATH
namespace access {
constexpr std::uint64_t execute = 1U << 0;
constexpr std::uint64_t write_file = 1U << 1;
// Directories and files removed, and files of seven kinds made.
constexpr std::uint64_t remove_and_make = 0x1ffU << 4;
constexpr std::uint64_t remove_file = 1U << 5;  // two of these
constexpr std::uint64_t make_file = 1U << 8;
constexpr std::uint64_t refer = 1U << 13;     // link or rename into another directory; since ABI 2
constexpr std::uint64_t truncate = 1U << 14;  // since ABI 3
constexpr std::uint64_t bind_tcp = 1U << 0;   // since ABI 4
constexpr std::uint64_t connect_tcp = 1U << 1;
constexpr std::uint64_t signal = 1U << 1;  // since ABI 6
}  // namespace access
constexpr unsigned ask_for_version = 1;

// Reading files is not among them: /proc, and the configuration when it is read again.
Ruleset rules_of(long version) noexcept {
  Ruleset rules;
  rules.files = access::execute | access::write_file | access::remove_and_make;
  if (version >= 2) rules.files |= access::refer;
  if (version >= 3) rules.files |= access::truncate;
  if (version >= 4) rules.net = access::bind_tcp | access::connect_tcp;
  if (version >= 6) rules.scoped = access::signal;
  return rules;
}

std::uint64_t accesses_of(WritableDir::Use use) noexcept {
  switch (use) {
    case WritableDir::Use::remove:
      return access::remove_file;
    case WritableDir::Use::create:
      return access::make_file | access::write_file;
    case WritableDir::Use::replace:
      return access::make_file | access::write_file | access::remove_file;
  }
  return 0;
}

bool except(const base::UniqueFd& ruleset, const WritableDir& folder) noexcept {
  const RuleBeneath rule{.allowed = accesses_of(folder.use), .folder = folder.descriptor};
  return ::syscall(SYS_landlock_add_rule, ruleset.get(), rule_beneath, &rule, 0) == 0;
}

// Rules, and the exceptions from them.
void enter_landlock(Confinement& given_up, const Kept& kept) noexcept {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, ask_for_version);
  if (version < 1) return;
  const auto rules = rules_of(version);
  const base::UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0)));
  if (!ruleset) return;
  // Where there is no exception, nothing can be done there: whoever needs it finds out at the start.
  for (const auto& folder : kept.folders) static_cast<void>(except(ruleset, folder));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return;
  given_up.files = true;
  given_up.tcp = rules.net != 0;
  given_up.signals = rules.scoped != 0;
}

// To read any file takes CAP_DAC_READ_SEARCH, or, where a container has not even that, CAP_DAC_OVERRIDE: as
// long as Landlock lets it write, make and remove nothing.
unsigned right_to_read(unsigned permitted, bool all_stays_as_it_is) noexcept {
  constexpr unsigned search = CAP_TO_MASK(CAP_DAC_READ_SEARCH);
  if ((permitted & search) != 0 || !all_stays_as_it_is) return search;
  return CAP_TO_MASK(CAP_DAC_OVERRIDE);
}

}  // namespace

Confinement confine(const Kept& kept) noexcept {
  Confinement given_up;
  ::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);  // without it only root may enter Landlock
  enter_landlock(given_up, kept);
  const bool all_stays_as_it_is = given_up.files && kept.folders.empty();
  const unsigned rights =
      kept.read_all_files ? right_to_read(permitted_capabilities(), all_stays_as_it_is) : 0;
  given_up.capabilities = drop_capabilities(rights) || !has_capabilities();
  return given_up;
}

}  // namespace tcpserver::server
