// under_filter [OPTION]... PROGRAM ARGUMENT...: runs PROGRAM under a seccomp filter, as in a container. Each
// option denies a call:
//   --deny-seccomp   prctl(PR_SET_SECCOMP)
//   --deny-stack     clone with a new stack, so that tcpserver uses plain children
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string_view>
#include <vector>

namespace {

constexpr unsigned load = BPF_LD | BPF_W | BPF_ABS;
constexpr unsigned jump_if_equal = BPF_JMP | BPF_JEQ | BPF_K;
constexpr unsigned answer = BPF_RET | BPF_K;

enum class When { is, is_not };

// Denies a call if the low 32 bits of its argument are equal (is) or not equal (is_not) to `value`.
void deny(std::vector<sock_filter>& rules, unsigned call, unsigned offset, When when, unsigned value) {
  const unsigned char skipped_if_equal = when == When::is ? 0 : 1;
  const unsigned char skipped_otherwise = when == When::is ? 1 : 0;
  rules.insert(rules.end(),
               {BPF_STMT(load, offsetof(seccomp_data, nr)), BPF_JUMP(jump_if_equal, call, 0, 3),
                BPF_STMT(load, offset), BPF_JUMP(jump_if_equal, value, skipped_if_equal, skipped_otherwise),
                BPF_STMT(answer, SECCOMP_RET_ERRNO | EPERM)});
}

}  // namespace

int main(int, char** argv) {
  std::vector<sock_filter> rules;
  for (++argv; *argv != nullptr && std::string_view(*argv).starts_with("--"); ++argv) {
    if (std::string_view(*argv) == "--deny-seccomp") {
      deny(rules, SYS_prctl, offsetof(seccomp_data, args[0]), When::is, PR_SET_SECCOMP);
    } else if (std::string_view(*argv) == "--deny-stack") {
      deny(rules, SYS_clone, offsetof(seccomp_data, args[1]), When::is_not, 0);
    } else {
      return 64;
    }
  }
  rules.push_back(BPF_STMT(answer, SECCOMP_RET_ALLOW));
  const sock_fprog program{.len = static_cast<unsigned short>(rules.size()), .filter = rules.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0) return 71;
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 71;
  ::execv(argv[0], argv);
  return 127;
}
