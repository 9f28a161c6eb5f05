#include "tcpserver/server/confine/privileges.hpp"

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace tcpserver::server {

namespace {

// For headers older than Linux 5.13. The numbers are the same on every architecture but alpha.
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

// Landlock ABI 6 (landlock(7)), defined here because the headers may be older than the kernel.
struct Ruleset {
  std::uint64_t files = 0;
  std::uint64_t net = 0;
  std::uint64_t scoped = 0;
};
struct __attribute__((packed)) RuleBeneath {
  std::uint64_t allowed = 0;
  std::int32_t directory = -1;
};
constexpr int rule_beneath = 1;  // LANDLOCK_RULE_PATH_BENEATH
constexpr unsigned get_version = 1;
namespace access {
constexpr std::uint64_t execute = 1U << 0;
constexpr std::uint64_t write_file = 1U << 1;
constexpr std::uint64_t remove_and_make = 0x1ffU << 4;  // files of all types
constexpr std::uint64_t remove_file = 1U << 5;          // included above
constexpr std::uint64_t make_file = 1U << 8;            // included above
constexpr std::uint64_t refer = 1U << 13;               // link or rename into another directory; since ABI 2
constexpr std::uint64_t truncate = 1U << 14;            // since ABI 3
constexpr std::uint64_t bind_tcp = 1U << 0;             // since ABI 4
constexpr std::uint64_t connect_tcp = 1U << 1;
constexpr std::uint64_t signal = 1U << 1;  // since ABI 6
}  // namespace access

// Returns what is now forbidden: nothing if a call fails, which is logged. Reading files stays allowed for
// /proc and the configuration file.
Ruleset enter_landlock(const std::vector<WritableDir>& kept, Log& log) noexcept {
  const auto fail = [&log](const char* call) {
    const int error = errno;
    const char* const why = error == ENOSYS ? " (the kernel has no Landlock)"
                            : error == EOPNOTSUPP
                                ? " (Landlock is disabled at boot, see lsm= on the kernel command line)"
                            : error == E2BIG ? " (16 Landlock rulesets are already in force)"
                            : error == EPERM ? " (a security policy, such as a container's seccomp filter)"
                                             : "";
    log.warning({"landlock_error", {{"call", call}, {"errno", base::errno_name(error)}}},
                "%s: %s%s; the server runs without Landlock", call, std::strerror(error), why);
    return Ruleset{};
  };
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, get_version);
  if (version < 1) return fail("landlock_create_ruleset");
  Ruleset rules{.files = access::execute | access::write_file | access::remove_and_make};
  if (version >= 2) rules.files |= access::refer;
  if (version >= 3) rules.files |= access::truncate;
  if (version >= 4) rules.net = access::bind_tcp | access::connect_tcp;
  if (version >= 6) rules.scoped = access::signal;
  const base::UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0)));
  if (!ruleset) return fail("landlock_create_ruleset");
  for (const auto& directory : kept) {
    const RuleBeneath rule{.allowed = (directory.create ? access::make_file | access::write_file : 0) |
                                      (directory.remove ? access::remove_file : 0),
                           .directory = directory.descriptor};
    // Without the rule, the server could not write there. So rather run without Landlock.
    if (::syscall(SYS_landlock_add_rule, ruleset.get(), rule_beneath, &rule, 0) != 0)
      return fail("landlock_add_rule");
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return fail("landlock_restrict_self");
  return rules;
}

using Capabilities = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

std::optional<Capabilities> read_capabilities() noexcept {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  Capabilities words{};
  return ::syscall(SYS_capget, &header, words.data()) == 0 ? std::optional(words) : std::nullopt;
}

// Returns true if unknown.
bool has_capabilities() noexcept {
  const auto words = read_capabilities();
  if (!words) return true;
  unsigned any = 0;
  for (const auto& word : *words) any |= word.effective | word.permitted | word.inheritable;
  return any != 0;
}

// Drops all capabilities except those in `kept`, a mask of CAP_TO_MASK values below 32. Programs that this
// process executes get none. Returns false with errno on failure.
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

// Returns the capability to read any file: CAP_DAC_READ_SEARCH. Some containers have only CAP_DAC_OVERRIDE,
// which is safe only if Landlock forbids all writing.
unsigned capability_to_read(bool nothing_is_writable) noexcept {
  constexpr unsigned search = CAP_TO_MASK(CAP_DAC_READ_SEARCH);
  const auto words = read_capabilities();
  const bool has_search = words && (words->front().permitted & search) != 0;
  return has_search || !nothing_is_writable ? search : CAP_TO_MASK(CAP_DAC_OVERRIDE);
}

bool has_supplementary_groups() {
  const int count = ::getgroups(0, nullptr);
  if (count < 0) throw base::system_error("read the supplementary groups");
  return count > 0;
}

void require(bool holds, const char* problem) {
  if (holds) return;
  throw base::StartError(base::ExitStatus::system, std::string("--user: ") + problem);
}

void set_account(const Account& account) {
  const uid_t before = ::getuid();
  const auto is_account = [&account] {
    return ::getuid() == account.user && ::geteuid() == account.user && ::getgid() == account.group &&
           ::getegid() == account.group;
  };
  const bool is_it_already = is_account();
  // Drop groups first, because it takes root (POS36-C of the CERT C standard).
  const bool switched = (!has_supplementary_groups() || ::setgroups(0, nullptr) == 0) &&
                        (is_it_already || (::setgid(account.group) == 0 && ::setuid(account.user) == 0));
  if (!switched && errno == EPERM) {
    throw base::StartError(base::ExitStatus::no_permission,
                           is_it_already ? "--user: only root can drop supplementary groups"
                                         : "--user: only root can switch to another user");
  }
  if (!switched) throw base::system_error("switch to user " + std::to_string(account.user));
  drop_capabilities();
  require(is_account(), "the kernel did not switch user and group");
  require(!has_supplementary_groups(), "cannot drop supplementary groups");
  require(!has_capabilities(), "cannot drop capabilities");
  require(account.user == 0 || (::seteuid(0) != 0 && ::setuid(0) != 0), "the process can become root again");
  require(account.user == before || ::seteuid(before) != 0, "the process can switch back");
}

// Returns the exception to the ban on writing, for the log.
std::string describe_exceptions(const ServerOptions& options) {
  std::string names;
  if (!options.metrics_file.empty()) names = "--metrics-file";
  if (!options.record.empty()) names.append(names.empty() ? "" : " and ").append("--record");
  return names.empty() ? "" : " (except in the directory of " + names + ")";
}

}  // namespace

void switch_user(const ServerOptions& options, const std::optional<Account>& account, Log& log) {
  if (account) {
    set_account(*account);
    const auto& user = options.user->user;
    const auto& group = options.user->group;
    log.info({"user_switched", {{"uid", account->user}, {"gid", account->group}}},
             "running as %s%s%s (uid %u, gid %u)", user.c_str(), group.empty() ? "" : ":", group.c_str(),
             static_cast<unsigned>(account->user), static_cast<unsigned>(account->group));
  }
  if (::geteuid() == 0)
    log.warning(LogEvent{"running_as_root"},
                "running as root: a compromised server can read root's files; use --user");
}

void drop_privileges(const ServerOptions& options, const std::vector<WritableDir>& kept, Log& log) {
  if (options.sandbox == SandboxPolicy::off)
    return log.info(LogEvent{"unconfined"}, "--sandbox off: server and children are not confined");
  ::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);  // without it only root may enter Landlock
  const auto landlock = enter_landlock(kept, log);
  // After --user, the configuration file is read as that user.
  const bool reads_as_root = !options.config.empty() && !options.user;
  const unsigned readable = reads_as_root ? capability_to_read(landlock.files != 0 && kept.empty()) : 0;
  const bool were_dropped = drop_capabilities(readable);
  const int error = errno;  // has_capabilities() may change it
  const bool dropped = were_dropped || !has_capabilities();
  if (!dropped)
    log.warning({"capabilities_kept", {{"errno", base::errno_name(error)}}},
                "capset: %s; the server keeps its capabilities", std::strerror(error));

  std::string denied;
  std::string allowed;  // because this kernel cannot forbid it
  const std::pair<bool, std::string> actions[] = {
      {landlock.files != 0, "write or execute files" + describe_exceptions(options)},
      {landlock.net != 0, "open TCP connections"},
      {landlock.scoped != 0, "signal other processes"}};
  for (const auto& [is_denied, action] : actions) {
    auto& list = is_denied ? denied : allowed;
    list.append(list.empty() ? "" : ", ").append(action);
  }
  if (const auto comma = denied.rfind(", "); comma != std::string::npos) denied.replace(comma, 2, " or ");
  if (options.sandbox == SandboxPolicy::on && landlock.files != 0 && !allowed.empty())
    log.warning(LogEvent{"confined_partly"},
                "--sandbox on: this kernel cannot confine the server completely; use -v for details");
  if (!log.has_details()) return;
  const auto or_none = [](const std::string& list) { return list.empty() ? "none" : list.c_str(); };
  const auto [capabilities, capabilities_text] =
      !dropped             ? std::pair("kept", "capabilities not dropped")
      : has_capabilities() ? std::pair("read_config", "one capability, to read --config")
                           : std::pair("none", "no capabilities");
  log.info({"confined",
            {{"denied", or_none(denied)}, {"allowed", or_none(allowed)}, {"capabilities", capabilities}}},
           "confined: %s%s; %s%s%s", denied.empty() ? "no Landlock" : "cannot ", denied.c_str(),
           capabilities_text, allowed.empty() ? "" : "; this kernel still allows: ", allowed.c_str());
}

}  // namespace tcpserver::server
