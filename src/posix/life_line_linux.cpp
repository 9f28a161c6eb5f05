#include "tcpserver/posix/life_line.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

namespace tcpserver::posix {

namespace {

// In the place of libc's own list, which serves robust mutexes. This program has none.
robust_list_head lines{.list = {&lines.list}, .futex_offset = 0, .list_op_pending = nullptr};
int tied = 0;

}  // namespace

void LifeLine::tie() noexcept {
  static_assert(owner_died == FUTEX_OWNER_DIED);
  static_assert(sizeof next_ == sizeof(robust_list) && sizeof owner_ == sizeof(std::uint32_t));
  if (tied >= ROBUST_LIST_LIMIT) return;
  if (tied == 0) {
    lines.futex_offset = reinterpret_cast<char*>(&owner_) - reinterpret_cast<char*>(&next_);
    if (::syscall(SYS_set_robust_list, &lines, sizeof lines) != 0) return;
  }
  owner_.store(static_cast<std::uint32_t>(::getpid()), std::memory_order_release);
  next_ = lines.list.next;
  lines.list.next = reinterpret_cast<robust_list*>(&next_);
  ++tied;
}

}  // namespace tcpserver::posix
