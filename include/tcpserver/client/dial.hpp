#pragma once

#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/socket_address.hpp"
#include "tcpserver/posix/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::client {

// Connects to a host by name or numeric address: resolve, then connect_to_any. `timeout` bounds both
// together.
[[nodiscard]] posix::UniqueFd dial(const std::string& host, std::uint16_t port,
                                   std::optional<posix::Duration> timeout);

// Every address of a host, in getaddrinfo's order, each once. Throws StartError: no_host (the name is not
// known), temp_fail (no answer from the resolver, or not before the deadline).
[[nodiscard]] std::vector<posix::SocketAddress> resolve(const std::string& host, std::uint16_t port,
                                                        std::optional<posix::TimePoint> deadline);

// Tries the addresses in their order and takes the first that answers. Each gets its even share of the time
// that is left, so that a silent one does not use up the time of the next.
// Returns a connected, non-blocking socket. Throws StartError, with the failure of each: temp_fail (one timed
// out), unavailable (refused, unreachable); or system (no socket can be opened).
[[nodiscard]] posix::UniqueFd connect_to_any(const std::string& host,
                                             const std::vector<posix::SocketAddress>& addresses,
                                             std::optional<posix::TimePoint> deadline);

}  // namespace tcpserver::client
