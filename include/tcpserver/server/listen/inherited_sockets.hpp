#pragma once

#include "tcpserver/server/listen/listener.hpp"

#include <vector>

// Listening sockets that a service manager opened before it started the server, and keeps when it ends: they
// are the descriptors from 3 on (sd_listen_fds(3): LISTEN_FDS, LISTEN_PID).
namespace tcpserver::server {

// How many there are for this process; 0 where LISTEN_PID is another's, or nothing is said. Throws StartError
// (usage) for a number that is none.
[[nodiscard]] int count_inherited_sockets();

// Takes them over: non-blocking, closed on exec, with the options that connections inherit, and the backlog
// that the service manager gave them. Throws StartError (usage) for a descriptor that is no listening TCP
// socket.
[[nodiscard]] std::vector<Listener> inherit_listeners(int count, base::Duration idle_timeout);

}  // namespace tcpserver::server
