// Compiled with options of its own (CMakeLists.txt): no stack protector, whose canary is memory of libc's; no
// vector registers and no jump tables, whose constants are memory outside this section.
#include "server/child/small_child_code.hpp"

#include "tcpserver/server/confine/strict_rules.hpp"
#include "tcpserver/server/session/session_loop.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <bit>
#include <type_traits>
#include <utility>

namespace tcpserver::server {

namespace {

// On pages of its own.
asm(".pushsection small_child, \"ax\", @progbits\n.balign 4096\n.popsection");
#define IN_SMALL_CHILD __attribute__((section("small_child")))

struct Words {
  std::uint64_t first;
  std::uint64_t second;
  std::uint64_t third;
  std::uint64_t fourth;
};

// ---- What knows the processor: x86-64 (System V ABI, Linux's appendix A.2.1)
// ---------------------------------

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

// The system call comes back twice, the second time in the child on its own stack. There nothing of this
// function's frame is left to stand on but the registers, which the kernel keeps. What of the order is in r8
// and r9 is where the child's function looks for it.
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

// ---- What does not
// --------------------------------------------------------------------------------------------

// The value, by way of a register: an array that is made of such ones is not copied from memory outside.
template <typename Value>
[[gnu::always_inline]] inline Value from_register(Value value) noexcept {
  asm volatile("" : "+r"(value));
  return value;
}

struct RawCalls {
  static constexpr bool may_block = true;
  int connection;

  [[nodiscard]] long read(char* buffer, std::size_t size) const noexcept {
    return system_call(SYS_read, connection, reinterpret_cast<long>(buffer), static_cast<long>(size));
  }
  [[nodiscard]] long write(const char* bytes, std::size_t size) const noexcept {
    return system_call(SYS_write, connection, reinterpret_cast<long>(bytes), static_cast<long>(size));
  }
  static void set_reset_on_close(bool) noexcept {}  // its sandbox has no setsockopt
  [[nodiscard]] static long save(int file, const char* bytes, std::size_t size) noexcept {
    return system_call(SYS_write, file, reinterpret_cast<long>(bytes), static_cast<long>(size));
  }
};

// The plain exit is the one way out that strict seccomp allows.
[[noreturn, gnu::always_inline]] inline void exit_with(SessionEnd end) noexcept {
  for (;;) system_call(SYS_exit, static_cast<long>(end));
}

// One range where nothing is open above the connection and the file next to it, as in a server that has seen
// no trouble. `file` may be -1.
[[gnu::always_inline]] inline void close_all_but(int connection, int file, int highest) noexcept {
  const int upper = file > connection ? file : connection;
  const int lower = file >= 0 && file < connection ? file : connection;
  bool closed = lower == 0 || system_call(SYS_close_range, 0, lower - 1) == 0;
  if (upper - lower > 1) closed = system_call(SYS_close_range, lower + 1, upper - 1) == 0 && closed;
  if (highest > upper) closed = system_call(SYS_close_range, upper + 1, ~0U) == 0 && closed;
  // Linux 5.9 has close_range; older kernels and some containers' filters refuse it.
  const int last = highest > upper ? highest : upper;
  for (int other = 0; !closed && other <= last; ++other) {
    if (other != lower && other != upper) system_call(SYS_close, other);
  }
}

// False where the parent has ended before that.
[[gnu::always_inline]] inline bool die_with(pid_t parent) noexcept {
  system_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  const long now = system_call(SYS_getppid);
  return now == parent || now == 0;  // 0 is a parent outside our pid namespace (getppid(2))
}

// A child counts what it writes, but a compromised child need not.
[[gnu::always_inline]] inline void limit_file_size(std::uint64_t bytes) noexcept {
  struct {
    std::uint64_t soft, hard;
  } const limit{from_register(bytes), from_register(bytes)};
  system_call(SYS_prlimit64, 0, RLIMIT_FSIZE, reinterpret_cast<long>(&limit), 0);
}

template <std::size_t... Index>
[[gnu::always_inline]] inline bool enter_filter(std::index_sequence<Index...>) noexcept {
  sock_filter rules[] = {std::bit_cast<sock_filter>(from_register(
      std::integral_constant<std::uint64_t, std::bit_cast<std::uint64_t>(strict_rules[Index])>::value))...};
  sock_fprog program;
  program.len = sizeof...(Index);
  program.filter = rules;
  return system_call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, reinterpret_cast<long>(&program)) == 0;
}

[[gnu::always_inline]] inline bool enter(Sandbox sandbox) noexcept {
  if (sandbox == Sandbox::none) return true;
  if (sandbox == Sandbox::filter) return enter_filter(std::make_index_sequence<strict_rules.size()>());
  return system_call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0;
}

}  // namespace

// The whole life of a small child. `flatten`: all that it calls becomes a part of it.
extern "C" [[noreturn]] IN_SMALL_CHILD __attribute__((flatten, noinline, used, visibility("hidden"))) void
tcpserver_live_as_small_child(std::uint64_t first, std::uint64_t second, SessionRecord* record,
                              SmallChildMemory* memory, std::uint64_t third, std::uint64_t fourth) noexcept {
  const auto order = std::bit_cast<SmallChildOrder>(Words{first, second, third, fourth});
  if (order.parent == 0) exit_with(SessionEnd::client_closed);
  close_all_but(order.connection, order.recording.descriptor, order.highest_descriptor);
  auto end = SessionEnd::drained;
  if (die_with(order.parent)) {
    if (order.recording.descriptor >= 0 && order.recording.room != no_file_limit)
      limit_file_size(order.recording.room);
    end = SessionEnd::sandbox_refused;
    if (enter(order.sandbox)) {
      end = SessionLoop<RawCalls>({order.connection}, order.service, *record, order.recording)
                .run(memory->buffer, sizeof memory->buffer);
    }
  }
  ScoreboardPage::announce_end(*record);
  exit_with(end);
}

IN_SMALL_CHILD __attribute__((flatten, noinline)) long start_small_child(SmallChildOrder order,
                                                                         SessionRecord* record,
                                                                         SmallChildMemory* memory) noexcept {
  const auto stack_end = reinterpret_cast<long>(&memory->stack) + static_cast<long>(sizeof memory->stack);
  return clone_and_live(stack_end, std::bit_cast<Words>(order), record, memory);
}

}  // namespace tcpserver::server
