#include "harness/system_call.hpp"

#include "harness/process.hpp"

#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>

namespace harness {

#ifdef __x86_64__

namespace {

constexpr unsigned long size_of_syscall_instruction = 2;

// Stops the process after a syscall instruction. A process that was just released may be about to repeat its
// call; then it is released again.
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
  // Put the text below the red zone, which functions may use (System V ABI, AMD64, 3.2.2).
  constexpr unsigned long red_zone = 128;
  const auto size = text.size() + 1;
  const unsigned long address = (before.rsp - red_zone - size) & ~15UL;
  const iovec local{.iov_base = const_cast<char*>(text.c_str()), .iov_len = size};
  const iovec remote{.iov_base = reinterpret_cast<void*>(address), .iov_len = size};
  if (::process_vm_writev(pid, &local, 1, &remote, 1, 0) != static_cast<ssize_t>(size)) return result;
  std::replace(arguments.begin(), arguments.end(), in_text, address);
  auto now = before;
  now.rip -= size_of_syscall_instruction;
  now.orig_rax = ~0UL;  // do not restart the interrupted call now
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
