#include "tcpserver/posix/window_poll.hpp"

namespace tcpserver::posix {

const bool window_poll_can_be_ended = false;

int window_poll(std::span<pollfd> descriptors, Duration limit, const sigset_t& mask,
                bool (*ended)() noexcept) noexcept {
  const timespec at_most = to_timespec(ended() ? Duration::zero() : limit);
  return ::ppoll(descriptors.data(), static_cast<nfds_t>(descriptors.size()), &at_most, &mask);
}

void end_window_poll() noexcept {}

}  // namespace tcpserver::posix
