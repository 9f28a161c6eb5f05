#include "tcpserver/posix/window_poll.hpp"

#include <linux/time_types.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace tcpserver::posix {

namespace {

// Where the kernel reads, as ppoll begins, how long to wait.
__kernel_timespec wait_limit;

#ifdef SYS_ppoll_time64  // 32-bit
constexpr long ppoll_number = SYS_ppoll_time64;
#else
constexpr long ppoll_number = SYS_ppoll;
#endif

constexpr long size_of_kernel_set = 64 / 8;  // bits of signals, in bytes

}  // namespace

const bool window_poll_can_be_ended = true;

// A handler that runs before `ended` looks is seen there. After that it makes the limit zero, which the
// kernel reads in the system call. Not by libc's ppoll: that has the kernel read a copy, made too early.
int window_poll(std::span<pollfd> descriptors, Duration limit, const sigset_t& mask,
                bool (*ended)() noexcept) noexcept {
  const auto exact = to_timespec(limit);
  wait_limit = {.tv_sec = exact.tv_sec, .tv_nsec = exact.tv_nsec};
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (ended()) wait_limit = {};
  return static_cast<int>(::syscall(ppoll_number, descriptors.data(), descriptors.size(), &wait_limit, &mask,
                                    size_of_kernel_set));
}

void end_window_poll() noexcept {
  wait_limit = {};
}

}  // namespace tcpserver::posix
