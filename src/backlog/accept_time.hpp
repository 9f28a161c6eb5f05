#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"

namespace tcpserver::backlog {

struct AcceptTime {
  base::SocketAddress listener;
  base::Duration each{};   // from one accept to the next while clients wait: the median of the rounds
  bool at_most = false;    // the server was faster than clients could connect: `each` is an upper bound
  bool in_bursts = false;  // the server accepts many at a time, with pauses: `each` is a rough mean
  int connections = 0;     // made in total
};

// Measures how fast a server of this machine accepts: keeps clients waiting in its listen queue, no more than
// fit, each of which half-closes at once. If the server serves one client after another, the time includes
// the session. Makes one connection first, to see that it accepts at all, then up to nine rounds of 200, or
// three seconds with a slow server. Other clients of the server are counted too; if they never let the queue
// empty, it gives up. Throws StartError: unavailable if nobody listens on the port or the queue is unknown,
// temp_fail if the queue does not empty, system if descriptors run out.
[[nodiscard]] AcceptTime measure_accept_time(std::uint16_t port);

}  // namespace tcpserver::backlog
