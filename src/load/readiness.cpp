#include "load/readiness.hpp"

#include "tcpserver/base/system_error.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tcpserver::load {

namespace {

// Many at a time make the call cheap for each; not so many that the last has to wait long for its turn.
constexpr std::size_t most_events = 128;

std::uint32_t events_of(Readiness::Want want) {
  return want == Readiness::Want::read ? EPOLLIN : EPOLLIN | EPOLLOUT;
}

// epoll_pwait2 (Linux 5.11) waits to the nanosecond; older kernels to the millisecond, rounded up.
int wait_for_events(int epoll, std::array<epoll_event, most_events>& events, base::Duration limit,
                    const sigset_t& mask) {
#ifdef SYS_epoll_pwait2
  static bool known = true;
  if (known) {
    const timespec exact = base::to_timespec(limit);
    constexpr std::size_t size_of_kernel_mask = 8;
    const auto count = ::syscall(SYS_epoll_pwait2, epoll, events.data(), static_cast<int>(most_events),
                                 &exact, &mask, size_of_kernel_mask);
    known = count >= 0 || errno != ENOSYS;
    if (known) return static_cast<int>(count);
  }
#endif
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  constexpr std::int64_t longest = 60'000;
  return ::epoll_pwait(epoll, events.data(), static_cast<int>(most_events),
                       static_cast<int>(std::clamp<std::int64_t>(milliseconds, 0, longest)), &mask);
}

}  // namespace

struct Readiness::Watched {
  base::UniqueFd epoll;
  std::array<epoll_event, most_events> events;
};

Readiness::Readiness(std::uint32_t) : watched_(std::make_unique<Watched>()) {
  watched_->epoll = base::UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!watched_->epoll) throw base::system_error("wait for connections (epoll_create1)");
  ready_.reserve(most_events);
}

Readiness::~Readiness() = default;

bool Readiness::watch(int fd, std::uint32_t slot, Want want) noexcept {
  epoll_event event{.events = events_of(want), .data = {.u32 = slot}};
  return ::epoll_ctl(watched_->epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Readiness::change(int fd, std::uint32_t slot, Want want) noexcept {
  epoll_event event{.events = events_of(want), .data = {.u32 = slot}};
  return ::epoll_ctl(watched_->epoll.get(), EPOLL_CTL_MOD, fd, &event) == 0;
}

void Readiness::forget(std::uint32_t) noexcept {}  // close does it (epoll(7), Questions and answers)

const std::vector<Ready>& Readiness::wait(base::Duration limit, const sigset_t& mask) {
  const int count = wait_for_events(watched_->epoll.get(), watched_->events, limit, mask);
  if (count < 0 && errno != EINTR) throw base::system_error("wait for connections (epoll_pwait)");
  ready_.clear();
  for (int i = 0; i < count; ++i) {
    const auto& event = watched_->events[static_cast<std::size_t>(i)];
    const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    ready_.push_back({.slot = event.data.u32,
                      .readable = broken || (event.events & EPOLLIN) != 0,
                      .writable = broken || (event.events & EPOLLOUT) != 0});
  }
  return ready_;
}

}  // namespace tcpserver::load
