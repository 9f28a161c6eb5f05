#pragma once

#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/socket_address.hpp"
#include "tcpserver/posix/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::client {

// Connects to a host by name or numeric address: options::resolve, then connect_to_any. `timeout` bounds both
// together.
[[nodiscard]] posix::UniqueFd dial(const std::string& host, std::uint16_t port,
                                   std::optional<posix::Duration> timeout);

// Tries the addresses in their order and takes the first that answers. Each gets its even share of the time
// that is left, so that a silent one does not use up the time of the next.
// Returns a connected, non-blocking socket. Throws StartError, with the failure of each: temp_fail (one timed
// out), unavailable (refused, unreachable); or system (no socket can be opened).
[[nodiscard]] posix::UniqueFd connect_to_any(const std::string& host,
                                             const std::vector<posix::SocketAddress>& addresses,
                                             std::optional<posix::TimePoint> deadline);

}  // namespace tcpserver::client
