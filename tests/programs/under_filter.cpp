// under_filter [OPTION]... PROGRAM ARGUMENT...: runs PROGRAM under a seccomp filter, as in a container. Each
// option denies a call:
//   --deny-seccomp   prctl(PR_SET_SECCOMP)
//   --deny-clone3    clone3, as docker does
//   --deny-stack     clone3, and clone with a new stack, so that tcpserver uses plain children
#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#ifdef __linux__
namespace {

constexpr unsigned load = BPF_LD | BPF_W | BPF_ABS;
constexpr unsigned jump_if_equal = BPF_JMP | BPF_JEQ | BPF_K;
constexpr unsigned answer = BPF_RET | BPF_K;

using Rules = std::vector<sock_filter>;

void append(Rules& rules, std::initializer_list<sock_filter> more) {
  rules.insert(rules.end(), more);
}

void deny(Rules& rules, unsigned call, unsigned error) {
  append(rules, {BPF_STMT(load, offsetof(seccomp_data, nr)), BPF_JUMP(jump_if_equal, call, 0, 1),
                 BPF_STMT(answer, SECCOMP_RET_ERRNO | error)});
}

enum class When { is, is_not };

// Denies a call if the low 32 bits of its argument are equal (is) or not equal (is_not) to `value`.
void deny_argument(Rules& rules, unsigned call, unsigned offset, When when, unsigned value) {
  constexpr std::uint8_t skip_answer = 1;
  const bool equal = when == When::is;
  append(rules, {BPF_STMT(load, offsetof(seccomp_data, nr)), BPF_JUMP(jump_if_equal, call, 0, 3),
                 BPF_STMT(load, offset),
                 BPF_JUMP(jump_if_equal, value, equal ? std::uint8_t{0} : skip_answer,
                          equal ? skip_answer : std::uint8_t{0}),
                 BPF_STMT(answer, SECCOMP_RET_ERRNO | EPERM)});
}

}  // namespace
#endif

int main(int, char** argv) {
  ++argv;
#ifdef __linux__
  Rules rules;
  for (; *argv != nullptr && std::string_view(*argv).starts_with("--"); ++argv) {
    const std::string_view option(*argv);
    if (option == "--deny-seccomp") {
      deny_argument(rules, SYS_prctl, offsetof(seccomp_data, args[0]), When::is, PR_SET_SECCOMP);
    } else if (option == "--deny-clone3") {
      deny(rules, SYS_clone3, ENOSYS);
    } else if (option == "--deny-stack") {
      deny(rules, SYS_clone3, ENOSYS);
      deny_argument(rules, SYS_clone, offsetof(seccomp_data, args[1]), When::is_not, 0);
    } else {
      return 64;
    }
  }
  append(rules, {BPF_STMT(answer, SECCOMP_RET_ALLOW)});
  const sock_fprog program{.len = static_cast<unsigned short>(rules.size()), .filter = rules.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0) return 71;
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 71;
#endif
  ::execv(argv[0], argv);
  return 127;
}
