#include "tcpserver/client/connection_engine.hpp"

#include "tcpserver/base/system_error.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tcpserver::client {

namespace {

using base::SocketAddress;

epoll_event event_for(std::uint32_t slot, ConnectionEngine::Want want) {
  const bool writes = want == ConnectionEngine::Want::read_and_write;
  return {.events = writes ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.u32 = slot}};
}

}  // namespace

base::UniqueFd open_socket(const SocketAddress& server) noexcept {
  return base::UniqueFd(::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int start_connect(int fd, const SocketAddress& server, const SocketAddress* source) noexcept {
  if (source != nullptr) {
    constexpr int on = 1;  // if this fails, bind chooses the port
    static_cast<void>(::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on));
    if (::bind(fd, source->get(), source->size()) != 0) return errno;
  }
  return ::connect(fd, server.get(), server.size()) == 0 || errno == EINPROGRESS ? 0 : errno;
}

ConnectionEngine::ConnectionEngine() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw base::system_error("wait for connections (epoll_create1)");
  ready_.reserve(most_events);
}

bool ConnectionEngine::watch(int fd, std::uint32_t slot, Want want) noexcept {
  auto event = event_for(slot, want);
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

bool ConnectionEngine::change(int fd, std::uint32_t slot, Want want) noexcept {
  auto event = event_for(slot, want);
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0;
}

const std::vector<Ready>& ConnectionEngine::wait(base::Duration limit, const sigset_t& mask) {
  const int count = wait_for_events(limit, mask);
  if (count < 0 && errno != EINTR) throw base::system_error("wait for connections (epoll_pwait)");
  ready_.clear();
  for (int i = 0; i < count; ++i) {
    const auto& event = events_[static_cast<std::size_t>(i)];
    const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    ready_.push_back({.slot = event.data.u32,
                      .readable = broken || (event.events & EPOLLIN) != 0,
                      .writable = broken || (event.events & EPOLLOUT) != 0});
  }
  return ready_;
}

// epoll_pwait2 (Linux 5.11) waits to the nanosecond; older kernels to the millisecond, rounded up.
int ConnectionEngine::wait_for_events(base::Duration limit, const sigset_t& mask) noexcept {
#ifdef SYS_epoll_pwait2
  static bool known = true;
  if (known) {
    const timespec exact = base::to_timespec(limit);
    constexpr std::size_t kernel_mask_size = 8;
    const auto count = ::syscall(SYS_epoll_pwait2, epoll_.get(), events_.data(),
                                 static_cast<int>(most_events), &exact, &mask, kernel_mask_size);
    known = count >= 0 || errno != ENOSYS;
    if (known) return static_cast<int>(count);
  }
#endif
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  constexpr std::int64_t longest = 60'000;
  return ::epoll_pwait(epoll_.get(), events_.data(), static_cast<int>(most_events),
                       static_cast<int>(std::clamp<std::int64_t>(milliseconds, 0, longest)), &mask);
}

}  // namespace tcpserver::client
