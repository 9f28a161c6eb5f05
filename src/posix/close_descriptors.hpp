#pragma once

#include <unistd.h>

namespace tcpserver::posix {

// Without a way to list or range over descriptors: far more than the server opens, few enough to try each.
inline constexpr int low_descriptors = 256;

inline void close_low_descriptors_but(int fd) noexcept {
  for (int other = 0; other < low_descriptors; ++other) {
    if (other != fd) ::close(other);
  }
}

}  // namespace tcpserver::posix
