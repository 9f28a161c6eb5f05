#pragma once

#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/system_error.hpp"

namespace tcpserver::server {

// Why this address cannot be listened on and what to do about it, in one line with its exit status. `error`
// is the errno of socket, bind or listen. Where the address is in use, /proc is asked by whom.
[[nodiscard]] base::StartError explain_bind_failure(const base::SocketAddress& address, int error);

}  // namespace tcpserver::server
