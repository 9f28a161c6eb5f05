#include "tcpserver/load/readiness.hpp"
#include "tcpserver/posix/system_error.hpp"

#include <poll.h>

#include <cerrno>

namespace tcpserver::load {

namespace {

short events_of(Readiness::Want want) {
  return want == Readiness::Want::read ? POLLIN : POLLIN | POLLOUT;
}

}  // namespace

struct Readiness::Watched {
  std::vector<pollfd> polled;  // by slot; the descriptor is -1 where nothing is watched
};

Readiness::Readiness(std::uint32_t slots) : watched_(std::make_unique<Watched>()) {
  watched_->polled.assign(slots, {.fd = -1, .events = 0, .revents = 0});
  ready_.reserve(slots);
}

Readiness::~Readiness() = default;

bool Readiness::watch(int fd, std::uint32_t slot, Want want) noexcept {
  watched_->polled[slot] = {.fd = fd, .events = events_of(want), .revents = 0};
  return true;
}

bool Readiness::change(int fd, std::uint32_t slot, Want want) noexcept {
  return watch(fd, slot, want);
}

void Readiness::forget(std::uint32_t slot) noexcept {
  watched_->polled[slot].fd = -1;
}

const std::vector<Ready>& Readiness::wait(posix::Duration limit, const sigset_t& mask) {
  auto& polled = watched_->polled;
  const timespec exact = posix::to_timespec(limit);
  const int count = ::ppoll(polled.data(), static_cast<nfds_t>(polled.size()), &exact, &mask);
  if (count < 0 && errno != EINTR) throw posix::system_error("wait for connections (ppoll)");
  ready_.clear();
  for (std::uint32_t slot = 0; count > 0 && slot < polled.size(); ++slot) {
    const short events = polled[slot].fd < 0 ? short{0} : polled[slot].revents;
    if (events == 0) continue;
    const bool broken = (events & (POLLERR | POLLHUP | POLLNVAL)) != 0;
    ready_.push_back({.slot = slot,
                      .readable = broken || (events & POLLIN) != 0,
                      .writable = broken || (events & POLLOUT) != 0});
  }
  return ready_;
}

}  // namespace tcpserver::load
