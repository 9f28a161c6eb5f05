#pragma once

#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/socket_address.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tcpserver::options {

// Every address of a host, in getaddrinfo's order, each once. Throws StartError: no_host (the name is not
// known), temp_fail (no answer from the resolver, or not before the deadline).
[[nodiscard]] std::vector<posix::SocketAddress> resolve(const std::string& host, std::uint16_t port,
                                                        std::optional<posix::TimePoint> deadline);

}  // namespace tcpserver::options
