#pragma once

#include "tcpserver/options/backlog_options.hpp"
#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/exit_status.hpp"
#include "tcpserver/posix/socket_address.hpp"

namespace tcpserver::backlog {

struct AcceptTime {
  posix::SocketAddress listener;
  posix::Duration each{};  // from one accept to the next while clients wait: the median of the rounds
  bool at_most = false;    // the server was faster than clients could be made: `each` is an upper bound
  int connections = 0;     // made for it
};

// Makes bursts of connections that fit into the listen queue of a server of this machine, lets each send its
// end at once, and takes the time in which the queue empties. Throws StartError: unavailable where nobody
// listens on the port or nothing is known of its queue, temp_fail where the queue does not empty.
[[nodiscard]] AcceptTime measure_accept_time(std::uint16_t port);

// tcpbacklog size.
[[nodiscard]] posix::ExitStatus run_size(const options::SizeOptions& options);

}  // namespace tcpserver::backlog
