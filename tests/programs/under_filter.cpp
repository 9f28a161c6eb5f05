// under_filter PROGRAM ARGUMENT...: runs the program under a seccomp filter that allows everything, as a
// container's or a systemd unit's filter would be in force before the program starts.
#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#endif
#include <unistd.h>

int main(int, char** argv) {
#ifdef __linux__
  sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{.len = 1, .filter = allow};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0) return 71;
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 71;
#endif
  ::execv(argv[1], argv + 1);
  return 127;
}
