#pragma once

#include "tcpserver/base/clock.hpp"

#include <optional>
#include <string_view>

namespace tcpserver::client {

// What is sent: all of a descriptor until its end, or a text.
struct Source {
  int fd = -1;  // -1: the text
  std::string_view text;
};

// Sends the source, half-closes, and writes every byte that comes back to `sink` until the server closes.
// Both directions move at the same time, whichever is ready: however large the stream and however little the
// server buffers, neither side waits for the other for ever. Memory is bounded.
// `connection` is non-blocking. `timeout` is the longest wait for the server with no byte moved; an idle
// source does not count.
// Throws StartError: temp_fail (timed out), io_error (reset, closed before everything was sent, fewer bytes
// received than sent, or the source or the sink failed). What arrived by then has been written.
void exchange(int connection, Source source, int sink, std::optional<base::Duration> timeout);

}  // namespace tcpserver::client
