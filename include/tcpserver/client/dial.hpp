#pragma once

#include "tcpserver/posix/clock.hpp"
#include "tcpserver/posix/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tcpserver::client {

// Connects to a host by name or numeric address: every address that getaddrinfo knows is tried in its order,
// and the first that answers is taken. `timeout` bounds all of it; each address gets its even share of what
// is left, so that a silent one does not use up the time of the next.
// Returns a connected, non-blocking socket. Throws StartError: no_host (the name is not known), temp_fail
// (timed out), unavailable (refused, unreachable).
[[nodiscard]] posix::UniqueFd dial(const std::string& host, std::uint16_t port,
                                   std::optional<posix::Duration> timeout);

}  // namespace tcpserver::client
