#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"

namespace tcpserver::backlog {

struct AcceptTime {
  base::SocketAddress listener;
  base::Duration each{};   // from one accept to the next while clients wait; median of the rounds
  bool at_most = false;    // clients could not connect fast enough: `each` is an upper bound
  bool in_bursts = false;  // the server accepts clients in batches: `each` is an approximate mean
  int connections = 0;     // total number made
};

// Measures how fast a local server accepts. Keeps its listen queue filled, without an overflow, with clients
// that half-close at once. If the server serves one client after another, the time includes the session.
// First makes one connection to check that the server accepts, then up to nine rounds of 200 connections, or
// fewer within three seconds. Clients of other programs are counted too. Throws StartError: unavailable if
// nothing is listening on the port or the queue length is unknown, temp_fail if the queue does not become
// empty, system if descriptors run out.
[[nodiscard]] AcceptTime measure_accept_time(std::uint16_t port);

}  // namespace tcpserver::backlog
