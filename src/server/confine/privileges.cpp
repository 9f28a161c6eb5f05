#include "tcpserver/server/confine/privileges.hpp"

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <utility>

namespace tcpserver::server {

namespace {

// The same numbers on every architecture but alpha, for headers older than Linux 5.13.
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

// Landlock's ABI 6 (landlock(7)), because the headers of a system may be older than its kernel.
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
constexpr unsigned get_version = 1;
namespace access {
constexpr std::uint64_t execute = 1U << 0;
constexpr std::uint64_t write_file = 1U << 1;
constexpr std::uint64_t remove_and_make = 0x1ffU << 4;  // directories, and files of seven kinds
constexpr std::uint64_t remove_file = 1U << 5;          // one of these
constexpr std::uint64_t make_file = 1U << 8;            // another one
constexpr std::uint64_t refer = 1U << 13;               // link or rename into another directory; since ABI 2
constexpr std::uint64_t truncate = 1U << 14;            // since ABI 3
constexpr std::uint64_t bind_tcp = 1U << 0;             // since ABI 4
constexpr std::uint64_t connect_tcp = 1U << 1;
constexpr std::uint64_t signal = 1U << 1;  // since ABI 6
}  // namespace access

// Returns what is forbidden from now on. Reading files is not: /proc and the configuration file need it.
Ruleset enter_landlock(const std::vector<WritableDir>& kept) noexcept {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, get_version);
  if (version < 1) return {};
  Ruleset rules{.files = access::execute | access::write_file | access::remove_and_make};
  if (version >= 2) rules.files |= access::refer;
  if (version >= 3) rules.files |= access::truncate;
  if (version >= 4) rules.net = access::bind_tcp | access::connect_tcp;
  if (version >= 6) rules.scoped = access::signal;
  const base::UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0)));
  if (!ruleset) return {};
  for (const auto& folder : kept) {
    const RuleBeneath rule{.allowed = (folder.create ? access::make_file | access::write_file : 0) |
                                      (folder.remove ? access::remove_file : 0),
                           .folder = folder.descriptor};
    // If it fails, the folder is not writable, and the first write reports that at the start.
    ::syscall(SYS_landlock_add_rule, ruleset.get(), rule_beneath, &rule, 0);
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return {};
  return rules;
}

using Capabilities = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

std::optional<Capabilities> read_capabilities() noexcept {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  Capabilities words{};
  return ::syscall(SYS_capget, &header, words.data()) == 0 ? std::optional(words) : std::nullopt;
}

// Also true if the kernel does not tell.
bool has_capabilities() noexcept {
  const auto words = read_capabilities();
  if (!words) return true;
  unsigned any = 0;
  for (const auto& word : *words) any |= word.effective | word.permitted | word.inheritable;
  return any != 0;
}

// Drops all but these of the first 32 (a mask of CAP_TO_MASK), also for what this process executes. Returns
// false on failure.
bool drop_capabilities(unsigned kept = 0) noexcept {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);
  auto words = read_capabilities();
  if (!words) return false;
  for (auto& word : *words) {
    const unsigned left = std::exchange(kept, 0);
    word = {.effective = word.effective & left, .permitted = word.permitted & left, .inheritable = 0};
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  return ::syscall(SYS_capset, &header, words->data()) == 0;
}

// Reading any file takes CAP_DAC_READ_SEARCH. CAP_DAC_OVERRIDE also works in a container without it, but is
// safe only while Landlock forbids all writing.
unsigned capability_to_read(bool nothing_is_writable) noexcept {
  constexpr unsigned search = CAP_TO_MASK(CAP_DAC_READ_SEARCH);
  const auto words = read_capabilities();
  const bool has_search = words && (words->front().permitted & search) != 0;
  return has_search || !nothing_is_writable ? search : CAP_TO_MASK(CAP_DAC_OVERRIDE);
}

bool has_supplementary_groups() {
  const int count = ::getgroups(0, nullptr);
  if (count < 0) throw base::system_error("ask for the supplementary groups");
  return count > 0;
}

void expect(bool holds, const char* what) {
  if (holds) return;
  throw base::StartError(base::ExitStatus::system, std::string("cannot become that user: ") + what);
}

void become(const Account& account) {
  const uid_t before = ::getuid();
  const auto is_account = [&account] {
    return ::getuid() == account.user && ::geteuid() == account.user && ::getgid() == account.group &&
           ::getegid() == account.group;
  };
  const bool is_it_already = is_account();
  // Groups first: without root they cannot be dropped any more (POS36-C of the CERT C standard).
  const bool became = (!has_supplementary_groups() || ::setgroups(0, nullptr) == 0) &&
                      (is_it_already || (::setgid(account.group) == 0 && ::setuid(account.user) == 0));
  if (!became && errno == EPERM) {
    throw base::StartError(base::ExitStatus::no_permission,
                           is_it_already ? "--user: it has further groups, and only root can give them up"
                                         : "--user: only root can become another user");
  }
  if (!became) throw base::system_error("become user " + std::to_string(account.user));
  drop_capabilities();
  expect(is_account(), "the user or the group is another one afterwards");
  expect(!has_supplementary_groups(), "it still has further groups");
  expect(!has_capabilities(), "it still has capabilities");
  expect(account.user == 0 || (::seteuid(0) != 0 && ::setuid(0) != 0), "it can be root again");
  expect(account.user == before || ::seteuid(before) != 0, "it can be again who it was");
}

}  // namespace

void switch_user(const ServerOptions& options, const std::optional<Account>& account, Log& log) {
  if (account) {
    become(*account);
    const auto& [user, group] = *options.user;
    log.info("--user %s%s%s: user %u, group %u from now on", user.c_str(), group.empty() ? "" : ":",
             group.c_str(), static_cast<unsigned>(account->user), static_cast<unsigned>(account->group));
  }
  if (::geteuid() == 0)
    log.warning("running as root: a compromised server would have root's privileges; use --user");
}

void drop_privileges(const ServerOptions& options, const std::vector<WritableDir>& kept, Log& log) {
  if (options.sandbox == SandboxWish::off) {
    log.info("--sandbox off: the server and its children keep all %s",
             options.user ? "rights of that user" : "their rights");
    return;
  }
  ::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);  // without it only root may enter Landlock
  const auto landlock = enter_landlock(kept);
  const bool files = landlock.files != 0;
  const bool tcp = landlock.net != 0;
  const bool signals = landlock.scoped != 0;
  // After --user, the configuration file is read as that user.
  const bool reads_as_root = !options.config.empty() && !options.user;
  const bool capabilities =
      drop_capabilities(reads_as_root ? capability_to_read(files && kept.empty()) : 0) || !has_capabilities();
  if (options.sandbox == SandboxWish::on && !(files && tcp && signals && capabilities)) {
    log.warning(
        "--sandbox on: this system does not let the server give up all that it needs no more (-v tells)");
  }
  if (!log.has_details()) return;
  std::string exceptions;
  for (const auto& [name, given] : {std::pair{"--metrics-file", !options.metrics_file.empty()},
                                    std::pair{"--record", !options.record.empty()}}) {
    if (given && files)
      exceptions.append(exceptions.empty() ? " but in the folder of " : " and ").append(name);
  }
  const auto yes_or_no = [](bool answer) { return answer ? "yes" : "no"; };
  log.info(
      "given up for good: writing and executing files %s%s, binding and connecting TCP %s, "
      "signalling others %s, root's capabilities %s",
      yes_or_no(files), exceptions.c_str(), yes_or_no(tcp), yes_or_no(signals), yes_or_no(capabilities));
}

}  // namespace tcpserver::server
