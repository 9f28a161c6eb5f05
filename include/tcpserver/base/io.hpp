#pragma once

#include "tcpserver/base/unique_fd.hpp"

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tcpserver::base {

// True if a non-blocking call that failed with this errno must be repeated once the descriptor is ready.
[[nodiscard]] constexpr bool would_block(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

// read(2), repeated after EINTR. Returns the number of bytes, 0 at the end of the stream, -1 with errno.
[[nodiscard]] ssize_t read_some(int fd, char* buffer, std::size_t size) noexcept;

// Return the contents of a file, or the rest of an open one. nullopt with errno on failure; EFBIG if there
// are more than `largest` bytes.
[[nodiscard]] std::optional<std::string> read_file(const char* path, std::size_t largest);
[[nodiscard]] std::optional<std::string> read_all(int fd, std::size_t largest);

// Creates a file for writing in this open directory. Does not follow symbolic links or overwrite files
// (EEXIST). Repeated after EINTR. Empty with errno on failure.
[[nodiscard]] UniqueFd create_file(int directory, const char* name, mode_t mode) noexcept;

// Writes all bytes. Continues after EINTR and short writes, and waits if a non-blocking descriptor is full.
// Returns false with errno as soon as a write fails; some bytes may have been written.
[[nodiscard]] bool write_all(int fd, std::string_view bytes) noexcept;

// Closes a TCP connection with RST, so that the peer sees an error instead of an orderly end.
void close_with_reset(UniqueFd connection) noexcept;

// Makes the last close(2) of a TCP connection send a RST (on) or a FIN (off), by SO_LINGER (socket(7)). A RST
// discards unacknowledged data: turn it off before closing a complete session. Returns false with errno on
// failure.
[[nodiscard]] bool set_reset_on_close(int connection, bool on) noexcept;

// Opens /dev/null in place of closed standard descriptors (0, 1, 2). Otherwise a socket could take such a
// number and receive the output of the program. Returns false with errno on failure.
[[nodiscard]] bool fill_standard_descriptors() noexcept;

}  // namespace tcpserver::base
