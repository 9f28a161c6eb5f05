#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"
#include "tcpserver/base/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::client {

// base::resolve, then connect_to_any. `timeout` limits both together; nullopt: unlimited.
[[nodiscard]] base::UniqueFd connect_to_host(const std::string& host, std::uint16_t port,
                                             std::optional<base::Duration> timeout);

// Tries the addresses in order. Each gets an even share of the time that is left, so that a silent one leaves
// time for the next. Returns a connected, non-blocking socket. Throws StartError with the failure of each
// address: temp_fail (one timed out), unavailable (refused, unreachable); or system (cannot open a socket).
[[nodiscard]] base::UniqueFd connect_to_any(const std::string& host,
                                            const std::vector<base::SocketAddress>& addresses,
                                            std::optional<base::TimePoint> deadline);

}  // namespace tcpserver::client
