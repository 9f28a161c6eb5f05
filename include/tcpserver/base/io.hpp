#pragma once

#include "tcpserver/base/unique_fd.hpp"

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tcpserver::base {

// Whether a call that failed with this errno on a descriptor that does not block is to be made again, once
// there is something to do: EAGAIN, EWOULDBLOCK, EINTR.
[[nodiscard]] constexpr bool would_block(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

// read(2), tried again after EINTR. Returns the bytes read, 0 at the end of the stream, -1 with errno.
[[nodiscard]] ssize_t read_some(int fd, char* buffer, std::size_t size) noexcept;

// All that the file holds. Nothing, with errno, where it cannot be read or has more than `largest` bytes
// (EFBIG).
[[nodiscard]] std::optional<std::string> read_file(const char* path, std::size_t largest);

// Makes a new file in this open folder, for writing. Follows no symbolic link, overwrites nothing; tried
// again after EINTR. Empty with errno, EEXIST where anything has that name.
[[nodiscard]] UniqueFd create_file(int folder, const char* name, mode_t mode) noexcept;

// write(2) until all of it is out, tried again after EINTR and after short writes. Waits where the descriptor
// takes nothing, even one that somebody has made non-blocking.
// Returns false with errno as soon as a write fails; how much was written by then is not told.
[[nodiscard]] bool write_all(int fd, std::string_view bytes) noexcept;

// Closes a TCP connection by RST, which tells the peer that nobody serves it; after a plain close it would
// read an orderly end. (SO_LINGER with no time, socket(7))
void close_with_reset(UniqueFd connection) noexcept;

// Makes the last close(2) of a TCP connection send a reset (on) or a FIN (off). A reset discards
// unacknowledged data: turn it off before closing a complete session. Returns false with errno on failure.
[[nodiscard]] bool set_reset_on_close(int connection, bool on) noexcept;

// Opens /dev/null on each of the descriptors 0, 1 and 2 that is closed, so that no socket can take the
// number of a standard stream and receive what is printed there. False with errno where it cannot.
[[nodiscard]] bool fill_standard_descriptors() noexcept;

}  // namespace tcpserver::base
