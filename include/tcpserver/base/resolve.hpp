#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::base {

// Returns the addresses of a host in getaddrinfo's order, without duplicates. Throws StartError: no_host if
// the name is unknown, temp_fail if the resolver does not answer before the deadline.
[[nodiscard]] std::vector<SocketAddress> resolve(const std::string& host, std::uint16_t port,
                                                 std::optional<TimePoint> deadline);

}  // namespace tcpserver::base
