// under_filter [--deny-seccomp] PROGRAM ARGUMENT...: runs the program under a seccomp filter, as a
// container's or a systemd unit's would be in force before the program starts. It allows everything, or
// everything but seccomp itself.
#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string_view>

int main(int, char** argv) {
  ++argv;
  const bool deny = *argv != nullptr && std::string_view(*argv) == "--deny-seccomp";
  if (deny) ++argv;
#ifdef __linux__
  constexpr unsigned load = BPF_LD | BPF_W | BPF_ABS;
  constexpr unsigned jump_if_equal = BPF_JMP | BPF_JEQ | BPF_K;
  sock_filter rules[] = {
      BPF_STMT(load, offsetof(seccomp_data, nr)),
      BPF_JUMP(jump_if_equal, SYS_prctl, 0, 3),
      BPF_STMT(load, offsetof(seccomp_data, args)),
      BPF_JUMP(jump_if_equal, PR_SET_SECCOMP, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, deny ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = sizeof rules / sizeof rules[0], .filter = rules};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0) return 71;
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 71;
#endif
  ::execv(argv[0], argv);
  return 127;
}
