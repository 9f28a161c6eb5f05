#pragma once

#include "tcpserver/posix/clock.hpp"

#include <poll.h>
#include <signal.h>

#include <span>

// ppoll, with an answer for signals that are not blocked before it.
namespace tcpserver::posix {

// Whether end_window_poll() ends a wait that has not begun. Where not, signals that must not be lost have to
// be blocked until ppoll opens the mask: a wait could begin after their handler, and know nothing of it.
extern const bool window_poll_can_be_ended;

// Waits, with this mask meanwhile, for at most so long. `ended` is looked at once more after the last moment
// that a handler has no effect: where it says true the wait is over at once. Else as ppoll(2).
[[nodiscard]] int window_poll(std::span<pollfd> descriptors, Duration limit, const sigset_t& mask,
                              bool (*ended)() noexcept) noexcept;

// For a handler: the wait that is under way, or about to begin, ends at once. Async-signal-safe.
void end_window_poll() noexcept;

}  // namespace tcpserver::posix
