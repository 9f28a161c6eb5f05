#include "tcpserver/server/confine/sandbox.hpp"

#include "tcpserver/base/process.hpp"
#include "tcpserver/base/system_error.hpp"
#include "tcpserver/server/confine/strict_rules.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>

namespace tcpserver::server {

namespace {

template <typename Rules>
bool enter_filter(Rules rules) noexcept {
  const sock_fprog program{.len = static_cast<unsigned short>(rules.size()), .filter = rules.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Not instrumented: the sanitizer's preparation of a call that does not return makes
// system calls.
[[noreturn]] __attribute__((no_sanitize("address"))) void try_in_child(Sandbox sandbox) noexcept {
  base::exit_child(enter_sandbox(sandbox) ? 0 : 1);
}

// Whether a child can enter it. PR_GET_SECCOMP would not tell: an outer filter may forbid the very call.
bool can_enter(Sandbox sandbox) {
  const pid_t pid = base::fork_child();
  if (pid == 0) try_in_child(sandbox);
  if (pid < 0) throw base::system_error("fork a child to try its sandbox");
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw base::system_error("wait for a child");
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

Sandbox prepare_sandbox() {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);
  if (can_enter(Sandbox::strict)) return Sandbox::strict;
  return can_enter(Sandbox::filter) ? Sandbox::filter : Sandbox::none;
}

bool enter_sandbox(Sandbox sandbox) noexcept {
  switch (sandbox) {
    case Sandbox::strict:
      return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0;
    case Sandbox::filter:
      return enter_filter(strict_rules);
    case Sandbox::none:
      return true;
  }
  return false;
}

SandboxResult enter_sandbox_with_linger(Sandbox sandbox) noexcept {
  if (sandbox == Sandbox::none) return {.sandbox = true, .can_set_linger = true};
  if (enter_filter(linger_rules)) return {.sandbox = true, .can_set_linger = true};
  return {.sandbox = enter_sandbox(sandbox), .can_set_linger = false};
}

}  // namespace tcpserver::server
