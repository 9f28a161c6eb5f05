// CMakeLists.txt compiles this file without the stack protector, because its canary is in libc's memory, and
// without vector registers and jump tables, because their constants are outside this section.
#include "server/child/small_child_code.hpp"

#include "tcpserver/server/confine/strict_rules.hpp"

#include "server/child/child_life.hpp"

#include <signal.h>

#include <bit>
#include <type_traits>
#include <utility>

namespace tcpserver::server {

namespace {

// Aligns the section to whole pages.
asm(".pushsection small_child, \"ax\", @progbits\n.balign 4096\n.popsection");
#define IN_SMALL_CHILD __attribute__((section("small_child")))

struct Words {
  std::uint64_t first;
  std::uint64_t second;
  std::uint64_t third;
  std::uint64_t fourth;
};

// The next two functions are for x86-64 (System V ABI, appendix A.2.1 on Linux).
[[gnu::always_inline]] inline long system_call(long number, long first = 0, long second = 0, long third = 0,
                                               long fourth = 0) noexcept {
  register long in_r10 asm("r10") = fourth;
  long result = number;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(first), "S"(second), "d"(third), "r"(in_r10)
               : "rcx", "r11", "memory");
  return result;
}

// clone returns twice, in the child on a new stack. The child has only the registers, not this function's
// frame. r8 and r9 already hold words of the order, as the child's function expects.
[[gnu::always_inline]] inline long clone_and_live(long stack_end, Words words, SessionRecord* record,
                                                  SmallChildMemory* memory) noexcept {
  long result = SYS_clone;
  register std::uint64_t in_r12 asm("r12") = words.first;
  register std::uint64_t in_r13 asm("r13") = words.second;
  register SessionRecord* in_r14 asm("r14") = record;
  register SmallChildMemory* in_r15 asm("r15") = memory;
  register std::uint64_t in_r8 asm("r8") = words.third;
  register std::uint64_t in_r9 asm("r9") = words.fourth;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"  // the outermost frame
      "mov %%r12, %%rdi\n\t"
      "mov %%r13, %%rsi\n\t"
      "mov %%r14, %%rdx\n\t"
      "mov %%r15, %%rcx\n\t"
      "call tcpserver_live_as_small_child\n"
      "1:"
      : "+a"(result)
      : "D"(long{SIGCHLD}), "S"(stack_end), "d"(0L), "r"(in_r12), "r"(in_r13), "r"(in_r14), "r"(in_r15),
        "r"(in_r8), "r"(in_r9)
      : "rcx", "r10", "r11", "memory");
  return result;
}

// Passes the value through a register. Otherwise the compiler may copy an array of such values from memory
// outside the section.
template <typename Value>
[[gnu::always_inline]] inline Value from_register(Value value) noexcept {
  asm volatile("" : "+r"(value));
  return value;
}

// Enters strict_rules. Builds the filter program from registers.
template <std::size_t... Index>
[[gnu::always_inline]] inline bool enter_filter(std::index_sequence<Index...>) noexcept {
  sock_filter rules[] = {std::bit_cast<sock_filter>(from_register(
      std::integral_constant<std::uint64_t, std::bit_cast<std::uint64_t>(strict_rules[Index])>::value))...};
  sock_fprog program;
  program.len = sizeof...(Index);
  program.filter = rules;
  return system_call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, reinterpret_cast<long>(&program)) == 0;
}

struct RawCalls {
  static constexpr bool may_block = true;

  [[nodiscard]] static long call(long number, long first = 0, long second = 0, long third = 0,
                                 long fourth = 0) noexcept {
    return system_call(number, first, second, third, fourth);
  }
  [[nodiscard]] static long read(int fd, char* buffer, std::size_t size) noexcept {
    return system_call(SYS_read, fd, reinterpret_cast<long>(buffer), static_cast<long>(size));
  }
  [[nodiscard]] static long write(int fd, const char* bytes, std::size_t size) noexcept {
    return system_call(SYS_write, fd, reinterpret_cast<long>(bytes), static_cast<long>(size));
  }
  static std::uint64_t in_register(std::uint64_t value) noexcept { return from_register(value); }
  static void set_reset_on_close(int, bool) noexcept {}  // its sandbox has no setsockopt

  [[nodiscard]] static bool enter(Sandbox sandbox) noexcept {
    if (sandbox == Sandbox::none) return true;
    if (sandbox == Sandbox::filter) return enter_filter(std::make_index_sequence<strict_rules.size()>());
    return system_call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0;
  }
};

// Strict mode allows only the system call exit, not exit_group.
[[noreturn, gnu::always_inline]] inline void exit_with(SessionEnd end) noexcept {
  for (;;) system_call(SYS_exit, static_cast<long>(end));
}

}  // namespace

// `flatten` inlines all calls.
extern "C" [[noreturn]] IN_SMALL_CHILD __attribute__((flatten, noinline, used, visibility("hidden"))) void
tcpserver_live_as_small_child(std::uint64_t first, std::uint64_t second, SessionRecord* record,
                              SmallChildMemory* memory, std::uint64_t third, std::uint64_t fourth) noexcept {
  const auto order = std::bit_cast<ChildOrder>(Words{first, second, third, fourth});
  if (order.parent == 0) exit_with(SessionEnd::client_closed);
  exit_with(ChildLife<RawCalls>(order, *record).run(memory->buffer, sizeof memory->buffer));
}

IN_SMALL_CHILD __attribute__((flatten, noinline)) long start_small_child(ChildOrder order,
                                                                         SessionRecord* record,
                                                                         SmallChildMemory* memory) noexcept {
  const auto stack_end = reinterpret_cast<long>(&memory->stack) + static_cast<long>(sizeof memory->stack);
  return clone_and_live(stack_end, std::bit_cast<Words>(order), record, memory);
}

}  // namespace tcpserver::server
