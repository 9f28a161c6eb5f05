#pragma once

#include "tcpserver/base/unique_fd.hpp"

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tcpserver::base {

// True for the errnos of a non-blocking call that is to be repeated once the descriptor is ready: EAGAIN,
// EWOULDBLOCK, EINTR.
[[nodiscard]] constexpr bool would_block(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

// read(2), repeated after EINTR. Returns the number of bytes, 0 at the end of the stream, -1 with errno.
[[nodiscard]] ssize_t read_some(int fd, char* buffer, std::size_t size) noexcept;

// The contents of a file, or the rest of an open one. nullopt with errno, EFBIG if it has more than `largest`
// bytes.
[[nodiscard]] std::optional<std::string> read_file(const char* path, std::size_t largest);
[[nodiscard]] std::optional<std::string> read_all(int fd, std::size_t largest);

// Creates a file in this open directory, for writing. Follows no symbolic link and overwrites nothing;
// repeated after EINTR. Empty with errno, EEXIST if the name is taken.
[[nodiscard]] UniqueFd create_file(int folder, const char* name, mode_t mode) noexcept;

// Writes all bytes; continues after EINTR and short writes. Waits if the descriptor is non-blocking and full.
// False with errno as soon as a write fails; some bytes may have been written.
[[nodiscard]] bool write_all(int fd, std::string_view bytes) noexcept;

// Closes a TCP connection by RST: the peer sees that nobody serves it, not an orderly end.
void close_with_reset(UniqueFd connection) noexcept;

// Makes the last close(2) of a TCP connection send a RST (on) or a FIN (off), by SO_LINGER (socket(7)). A RST
// discards unacknowledged data: turn it off before closing a complete session. Returns false with errno on
// failure.
[[nodiscard]] bool set_reset_on_close(int connection, bool on) noexcept;

// Opens /dev/null on each closed one of the descriptors 0, 1 and 2, so that no socket takes the number of a
// standard stream and receives what is printed there. Returns false with errno on failure.
[[nodiscard]] bool fill_standard_descriptors() noexcept;

}  // namespace tcpserver::base
