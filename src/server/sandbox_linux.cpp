#include "tcpserver/posix/process.hpp"
#include "tcpserver/posix/system_error.hpp"
#include "tcpserver/server/sandbox.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace tcpserver::server {

namespace {

#if defined(__x86_64__)
#define TCPSERVER_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define TCPSERVER_AUDIT_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define TCPSERVER_AUDIT_ARCH AUDIT_ARCH_RISCV64
#endif

#ifdef TCPSERVER_AUDIT_ARCH
// The rules of strict mode as a program (seccomp(2)): kill what is not of this architecture, allow four
// calls, kill the rest.
std::array<sock_filter, 9> strict_rules() noexcept {
  constexpr unsigned load = BPF_LD | BPF_W | BPF_ABS;
  constexpr unsigned jump_if_equal = BPF_JMP | BPF_JEQ | BPF_K;
  return {{
      BPF_STMT(load, offsetof(seccomp_data, arch)),
      BPF_JUMP(jump_if_equal, TCPSERVER_AUDIT_ARCH, 0, 5),
      BPF_STMT(load, offsetof(seccomp_data, nr)),
      BPF_JUMP(jump_if_equal, SYS_read, 4, 0),
      BPF_JUMP(jump_if_equal, SYS_write, 3, 0),
      BPF_JUMP(jump_if_equal, SYS_exit, 2, 0),
      BPF_JUMP(jump_if_equal, SYS_rt_sigreturn, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
}
#else
constexpr bool filter_known = false;
std::array<sock_filter, 0> strict_rules() noexcept {
  return {};
}
#endif

bool enter_filter() noexcept {
  auto rules = strict_rules();
  const sock_fprog program{.len = static_cast<unsigned short>(rules.size()), .filter = rules.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Not instrumented, as run_child is not: the sanitizer's preparation of a call that does not return makes
// system calls.
[[noreturn]] __attribute__((no_sanitize("address"))) void try_in_child(Sandbox sandbox) noexcept {
  posix::exit_child(enter_sandbox(sandbox) ? 0 : 1);
}

// Whether a child can enter it. PR_GET_SECCOMP would not tell: an outer filter may forbid the very call.
bool can_enter(Sandbox sandbox) {
  const pid_t pid = posix::fork_child();
  if (pid == 0) try_in_child(sandbox);
  if (pid < 0) throw posix::system_error("fork a child to try its sandbox");
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw posix::system_error("wait for a child");
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
      return enter_filter();
    case Sandbox::none:
      return true;
  }
  return false;
}

}  // namespace tcpserver::server
