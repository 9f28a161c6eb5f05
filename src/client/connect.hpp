#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::client {

// Connects to a host by name or numeric address: base::resolve, then connect_to_any. `timeout` bounds both
// together.
[[nodiscard]] base::UniqueFd connect_to_host(const std::string& host, std::uint16_t port,
                                             std::optional<base::Duration> timeout);

// Tries the addresses in their order and takes the first that answers. Each gets its even share of the time
// that is left, so that a silent one does not use up the time of the next.
// Returns a connected, non-blocking socket. Throws StartError, with the failure of each: temp_fail (one timed
// out), unavailable (refused, unreachable); or system (no socket can be opened).
[[nodiscard]] base::UniqueFd connect_to_any(const std::string& host,
                                            const std::vector<base::SocketAddress>& addresses,
                                            std::optional<base::TimePoint> deadline);

}  // namespace tcpserver::client
