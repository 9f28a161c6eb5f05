#pragma once

#include "tcpserver/base/clock.hpp"
#include "tcpserver/base/socket_address.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::base {

// Every address of a host, in getaddrinfo's order, each once. Throws StartError: no_host (the name is not
// known), temp_fail (no answer from the resolver, or not before the deadline).
[[nodiscard]] std::vector<SocketAddress> resolve(const std::string& host, std::uint16_t port,
                                                 std::optional<TimePoint> deadline);

}  // namespace tcpserver::base
