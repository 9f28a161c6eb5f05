#include "tcpserver/server/confine/sandbox.hpp"

#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/kernel/process_limit.hpp"
#include "tcpserver/server/confine/strict_rules.hpp"
#include "tcpserver/server/options.hpp"
#include "tcpserver/server/report/log.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
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
  const bool entered = enter_sandbox(sandbox);
  const int error = errno != 0 ? errno : EPERM;  // 0 means success
  base::exit_child(entered ? 0 : error);
}

// Tests it in a child. PR_GET_SECCOMP is not enough, because an outer filter may forbid the call itself.
// Returns 0, or the errno of seccomp; EPERM if an outer filter killed the child.
int test_sandbox(Sandbox sandbox) {
  const pid_t pid = base::fork_child();
  if (pid == 0) test_in_child(sandbox);
  if (pid < 0) throw kernel::fork_error("a child to test the sandbox");
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw base::system_error("wait for a child");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

}  // namespace

Sandbox choose_sandbox(const ServerOptions& options, Log& log) {
  if (options.sandbox == SandboxPolicy::off) return Sandbox::none;
  ::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);
  int error = 0;
  for (const auto sandbox : {Sandbox::strict, Sandbox::filter}) {
    error = test_sandbox(sandbox);
    if (error == 0) return sandbox;
  }
  if (options.sandbox == SandboxPolicy::on) {
    throw base::StartError(base::ExitStatus::system, "--sandbox on: seccomp: " + base::error_text(error) +
                                                         "; omit the option to run without it");
  }
  log.warning({"no_sandbox", {{"errno", base::errno_name(error)}}},
              "children run without a sandbox: seccomp: %s", std::strerror(error));
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
