#include "harness/system_call.hpp"

#include "harness/process.hpp"

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>

namespace harness {

#if defined(__linux__) && defined(__x86_64__)

namespace {

// Of a stopped tracee, below the red zone that its functions may use (System V ABI, AMD64, 3.2.2).
bool put_on_stack(pid_t pid, unsigned long stack, const std::string& text, unsigned long& address) {
  constexpr unsigned long red_zone = 128;
  const auto words = text.size() / sizeof(long) + 1;
  address = (stack - red_zone - words * sizeof(long)) & ~15UL;
  for (std::size_t i = 0; i < words; ++i) {
    long word = 0;
    const auto rest = text.substr(std::min(text.size(), i * sizeof(long)), sizeof(long));
    std::memcpy(&word, rest.data(), rest.size());
    if (::ptrace(PTRACE_POKEDATA, pid, address + i * sizeof(long), word) != 0) return false;
  }
  return true;
}

constexpr unsigned long size_of_syscall_instruction = 2;

// Stops it behind a syscall instruction. One that has just been let go may stand right before it, about to
// make its call anew: then it is let go again.
bool stop_behind_a_call(pid_t pid, user_regs_struct& registers) {
  constexpr long syscall_instruction = 0x050f;
  return eventually(
      [&] {
        int status = 0;
        if (::ptrace(PTRACE_SEIZE, pid, 0, 0) != 0) return false;
        if (::ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0 || ::waitpid(pid, &status, __WALL) != pid ||
            !WIFSTOPPED(status) || ::ptrace(PTRACE_GETREGS, pid, 0, &registers) != 0) {
          return false;
        }
        const long code = ::ptrace(PTRACE_PEEKTEXT, pid, registers.rip - size_of_syscall_instruction, 0);
        if ((code & 0xffff) == syscall_instruction) return true;
        ::ptrace(PTRACE_DETACH, pid, 0, 0);
        return false;
      },
      std::chrono::seconds(5));
}

}  // namespace

CallResult call_in(pid_t pid, long number, std::array<unsigned long, 6> arguments, const std::string& text) {
  CallResult result;
  int status = 0;
  user_regs_struct before{};
  if (!stop_behind_a_call(pid, before)) return result;
  auto now = before;
  unsigned long address = 0;
  if (!put_on_stack(pid, before.rsp, text, address)) return result;
  std::replace(arguments.begin(), arguments.end(), in_text, address);
  now.rip -= size_of_syscall_instruction;
  now.orig_rax = ~0UL;  // the call that it was in is not to be begun again, for now
  now.rax = static_cast<unsigned long>(number);
  now.rdi = arguments[0];
  now.rsi = arguments[1];
  now.rdx = arguments[2];
  now.r10 = arguments[3];
  now.r8 = arguments[4];
  now.r9 = arguments[5];
  if (::ptrace(PTRACE_SETREGS, pid, 0, &now) != 0 || ::ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0 ||
      ::waitpid(pid, &status, __WALL) != pid) {
    return result;
  }
  result.possible = true;
  if (WIFSIGNALED(status)) {
    result.killed_by = WTERMSIG(status);
    return result;
  }
  if (WIFSTOPPED(status)) ::ptrace(PTRACE_GETREGS, pid, 0, &now);
  result.value = static_cast<long>(now.rax);
  ::ptrace(PTRACE_SETREGS, pid, 0, &before);
  ::ptrace(PTRACE_DETACH, pid, 0, 0);
  return result;
}

#else

CallResult call_in(pid_t, long, std::array<unsigned long, 6>, const std::string&) {
  return {};
}

#endif

}  // namespace harness
