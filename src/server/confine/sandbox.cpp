#include "tcpserver/server/confine/sandbox.hpp"

#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/server/confine/strict_rules.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <initializer_list>

namespace tcpserver::server {

namespace {

template <typename Rules>
bool enter_filter(Rules rules) noexcept {
  const sock_fprog program{.len = static_cast<unsigned short>(rules.size()), .filter = rules.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// The address sanitizer would make system calls before a call that does not return.
[[noreturn]] __attribute__((no_sanitize("address"))) void test_in_child(Sandbox sandbox) noexcept {
  base::exit_child(enter_sandbox(sandbox) ? 0 : 1);
}

// Tests it in a child. PR_GET_SECCOMP is not enough, because an outer filter may forbid the call itself.
bool can_enter(Sandbox sandbox) {
  const pid_t pid = base::fork_child();
  if (pid == 0) test_in_child(sandbox);
  if (pid < 0) throw base::system_error("fork a child to test the sandbox");
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw base::system_error("wait for a child");
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

Sandbox choose_sandbox(const ServerOptions& options, Log& log) {
  if (options.sandbox == SandboxPolicy::off) return Sandbox::none;
  ::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);
  for (const auto sandbox : {Sandbox::strict, Sandbox::filter}) {
    if (can_enter(sandbox)) return sandbox;
  }
  if (options.sandbox == SandboxPolicy::on) {
    throw base::StartError(base::ExitStatus::system,
                           "--sandbox on: seccomp is not available; omit the option to run without it");
  }
  log.warning(LogEvent{"no_sandbox"}, "children run without a sandbox: seccomp is not available");
  return Sandbox::none;
}

bool enter_sandbox(Sandbox sandbox) noexcept {
  if (sandbox == Sandbox::strict) return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0;
  return sandbox == Sandbox::none || enter_filter(strict_rules);
}

SandboxResult enter_sandbox_with_linger(Sandbox sandbox) noexcept {
  if (sandbox == Sandbox::none || enter_filter(linger_rules))
    return {.sandbox = true, .can_set_linger = true};
  return {.sandbox = enter_sandbox(sandbox), .can_set_linger = false};
}

}  // namespace tcpserver::server
