#pragma once

namespace tcpserver::base {

// The terminal of `fd`, where it is the controlling one, by /dev/tty: that everybody may open, also who has
// become another user and has no right to the terminal by its name (su, sudo -u). For writing, never blocks;
// -1 where `fd` is something else.
[[nodiscard]] int open_controlling_terminal(int fd) noexcept;

}  // namespace tcpserver::base
