#pragma once

#include "client/timeline.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace tcpserver::client {

struct PictureSize {
  std::size_t columns;    // of the terminal; the last one stays free
  std::size_t most_rows;  // of clients; at least 1
};

// No more rows than a reader takes in.
inline constexpr std::size_t most_picture_rows = 40;

// Lines of a picture beside the rows: heading, axis, summary, legend.
inline constexpr std::size_t picture_frame = 4;

// One row a client: a bar over a common axis of time, '.' while it was connecting, '=' while it held its
// connection, '#' while it waited for its reply, and how long after its start the reply came. Of more clients
// than rows those that failed are preferred (up to half of the rows), then the first; the rest are summed up
// in a line. With `colours`, each phase has one (ECMA-48 SGR).
[[nodiscard]] std::vector<std::string> picture(const Timeline& timeline, PictureSize size, bool colours);

}  // namespace tcpserver::client
