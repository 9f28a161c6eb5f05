#pragma once

#include <atomic>
#include <cstdint>

namespace tcpserver::posix {

// Lets a child see, without a system call, whether the process that tied it is still alive: a word in shared
// memory that the kernel marks when that process dies, however it dies, SIGKILL included. On Linux it is an
// entry of the process's list of robust futexes (get_robust_list(2)), which the kernel goes through early in
// a process's exit: before it sends the signals that children have asked for (PR_SET_PDEATHSIG). So a child
// that has asked, and after that finds the line intact, will get its signal.
class LifeLine {
 public:
  enum class State {
    untied,  // nobody did, or the system knows no such thing
    intact,
    cut  // who tied it is dead
  };

  // Ties it to the calling process, which has one thread, for as long as that lives. The line's memory was
  // zero, and has to stay mapped. Untied it stays where the list is full: the kernel follows it no further
  // than 2048 entries.
  void tie() noexcept;

  [[nodiscard]] bool is_tied() const noexcept { return owner_.load(std::memory_order_relaxed) != 0; }

  // Calls nothing. Ordered after all that the caller did before.
  [[nodiscard]] State state() const noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const auto owner = owner_.load(std::memory_order_acquire);
    if (owner == 0) return State::untied;
    return (owner & owner_died) != 0 ? State::cut : State::intact;
  }

 private:
  static constexpr std::uint32_t owner_died = 0x40000000;  // FUTEX_OWNER_DIED

  [[maybe_unused]] void* next_;  // struct robust_list
  std::atomic<std::uint32_t> owner_;
};

}  // namespace tcpserver::posix
