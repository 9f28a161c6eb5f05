#pragma once

#include <functional>
#include <string_view>

namespace tcpserver::server {

// Returns true if descriptor 0 is a connection of one client, as inetd passes it for a nowait service, and
// reports the reason by `print`, or to the system log if standard error is that connection: inetd puts it on
// descriptors 0, 1 and 2. The caller must exit and write nothing more.
[[nodiscard]] bool refuse_inetd_connection(const std::function<void(std::string_view)>& print);

}  // namespace tcpserver::server
