#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/exit_status.hpp"
#include "tcpserver/base/socket_address.hpp"

#include "backlog/options.hpp"

namespace tcpserver::backlog {

struct AcceptTime {
  base::SocketAddress listener;
  base::Duration each{};   // from one accept to the next while clients wait: the median of the rounds
  bool at_most = false;    // the server was faster than clients could be made: `each` is an upper bound
  bool in_bursts = false;  // the server takes many at a time, with pauses: `each` is a rough mean
  int connections = 0;     // made for it, all in all
};

// Lets connections wait in the listen queue of a server of this machine, no more than fit into it, each of
// which sends its end at once, and times how the server takes them: what that takes includes the session
// where the server serves one after another. Up to 200 connections a round and nine rounds, or three seconds
// of a slow server; one goes first, to see that it accepts at all. Best on a server that has nothing else to
// do: clients of its own are counted in, and where they never let the queue empty it gives up. Throws
// StartError: unavailable where nobody listens on the port or nothing is known of its queue, temp_fail where
// the queue does not empty, system where descriptors run out.
[[nodiscard]] AcceptTime measure_accept_time(std::uint16_t port);

// tcpbacklog size.
[[nodiscard]] base::ExitStatus run_size(const SizeOptions& options);

}  // namespace tcpserver::backlog
