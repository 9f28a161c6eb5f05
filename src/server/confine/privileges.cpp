#include "tcpserver/server/confine/privileges.hpp"

#include "tcpserver/base/system_error.hpp"

#include <unistd.h>

#include <utility>

namespace tcpserver::server {

namespace {

const char* yes_or_no(bool answer) noexcept {
  return answer ? "yes" : "no";
}

// Which of the options have a folder that stays writable; empty: none.
std::string exceptions_of(const ServerOptions& options) {
  std::string names;
  for (const auto& [name, given] : {std::pair{"--metrics-file", !options.metrics_file.empty()},
                                    std::pair{"--record", !options.record.empty()}}) {
    if (given) names.append(names.empty() ? " but in the folder of " : " and ").append(name);
  }
  return names;
}

}  // namespace

Sandbox choose_sandbox(const ServerOptions& options, Log& log) {
  if (options.sandbox == SandboxWish::off) return Sandbox::none;
  const auto sandbox = prepare_sandbox();
  if (sandbox == Sandbox::none && options.sandbox == SandboxWish::on) {
    throw base::StartError(base::ExitStatus::system,
                           "--sandbox on: this build or this system has no seccomp that a child can enter; "
                           "leave it away to go on without, or say off");
  }
  if (sandbox == Sandbox::none) {
    log.warning(
        "children run without a sandbox: this build or this system has no seccomp that they can enter");
  }
  return sandbox;
}

std::optional<Account> find_the_user(const ServerOptions& options) {
  if (!options.user) return std::nullopt;
  return find_account(options.user->user, options.user->group);
}

void switch_user(const ServerOptions& options, const std::optional<Account>& account, Log& log) {
  if (options.user && account) {
    const auto& request = *options.user;
    switch_to(*account);
    log.info("--user %s: user %u, group %u from now on",
             (request.user + (request.group.empty() ? "" : ":" + request.group)).c_str(),
             static_cast<unsigned>(account->user), static_cast<unsigned>(account->group));
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
  // Who became another user reads the configuration file as that user.
  const auto given_up =
      confine({.read_all_files = !options.config.empty() && !options.user, .folders = kept});
  if (options.sandbox == SandboxWish::on && !given_up.all()) {
    log.warning(
        "--sandbox on: this system does not let the server give up all that it needs no more (-v tells)");
  }
  log.detail(
      "given up for good: writing and executing files %s%s, binding and connecting TCP %s, "
      "signalling others %s, root's capabilities %s",
      yes_or_no(given_up.files), given_up.files ? exceptions_of(options).c_str() : "",
      yes_or_no(given_up.tcp), yes_or_no(given_up.signals), yes_or_no(given_up.capabilities));
}

}  // namespace tcpserver::server
