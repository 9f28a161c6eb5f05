#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tcpserver::cli {

// The operands [HOST [PORT]] of a client: sets what was given, and leaves the rest as it is. The port is 1 to
// 65535. Throws StartError (usage) for what is not allowed.
void take_host_and_port(const std::vector<std::string_view>& operands, std::string& host,
                        std::uint16_t& port);

}  // namespace tcpserver::cli
