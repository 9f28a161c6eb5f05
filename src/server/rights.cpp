#include "tcpserver/server/rights.hpp"

#include "tcpserver/posix/system_error.hpp"

#include <unistd.h>

namespace tcpserver::server {

namespace {

using options::SandboxWish;
using options::ServerOptions;

const char* yes_or_no(bool answer) noexcept {
  return answer ? "yes" : "no";
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::vector<KeptFolder> kept_folders(const ServerOptions& options, int recordings) {
  using Use = KeptFolder::Use;
  std::vector<KeptFolder> folders;
  if (!options.pid_file.empty()) folders.push_back({folder_of(options.pid_file), Use::remove});
  if (!options.metrics_file.empty()) folders.push_back({folder_of(options.metrics_file), Use::replace});
  if (!options.record.empty()) folders.push_back({options.record, Use::create, recordings});
  return folders;
}

void become_the_user(const options::UserRequest& request, const posix::Account& account, Log& log) {
  posix::become(account);
  log.info("--user %s: user %u, group %u from now on",
           (request.user + (request.group.empty() ? "" : ":" + request.group)).c_str(),
           static_cast<unsigned>(account.user), static_cast<unsigned>(account.group));
}

}  // namespace

Sandbox choose_sandbox(const ServerOptions& options, Log& log) {
  if (options.sandbox == SandboxWish::off) return Sandbox::none;
  const auto sandbox = prepare_sandbox();
  if (sandbox == Sandbox::none && options.sandbox == SandboxWish::on) {
    throw posix::StartError(posix::ExitStatus::system,
                            "--sandbox on: this build or this system has no seccomp that a child can enter; "
                            "leave it away to go on without, or say off");
  }
  if (sandbox == Sandbox::none) {
    log.warning(
        "children run without a sandbox: this build or this system has no seccomp that they can enter");
  }
  return sandbox;
}

std::optional<posix::Account> find_the_user(const ServerOptions& options) {
  if (!options.user) return std::nullopt;
  return posix::find_account(options.user->user, options.user->group);
}

void give_up_rights(const ServerOptions& options, const std::optional<posix::Account>& account,
                    int recordings, Log& log) {
  if (options.user && account) become_the_user(*options.user, *account, log);
  if (options.sandbox == SandboxWish::off) {
    log.info("--sandbox off: the server and its children keep all %s",
             options.user ? "rights of that user" : "their rights");
    return;
  }
  // Who became another user reads the configuration file as that user.
  const auto given_up = confine({.read_all_files = !options.config.empty() && !options.user,
                                 .folders = kept_folders(options, recordings)});
  if (options.sandbox == SandboxWish::on && !given_up.all()) {
    log.warning(
        "--sandbox on: this system does not let the server give up all that it needs no more (-v tells)");
  }
  log.detail(
      "given up for good: writing and executing files %s, binding and connecting TCP %s, "
      "signalling others %s, root's capabilities %s",
      yes_or_no(given_up.files), yes_or_no(given_up.tcp), yes_or_no(given_up.signals),
      yes_or_no(given_up.capabilities));
}

}  // namespace tcpserver::server
