#pragma once

#include "tcpserver/cli/option_table.hpp"

namespace tcpserver::cli {

// Returns the option that a name written for another program means: "max-connections" for "Max_Connections",
// "--max-connections", "export PREFIX_MAX_CONNECTIONS" and "max-connections:".
[[nodiscard]] std::string normalize(std::string_view name, const Program& program);

}  // namespace tcpserver::cli
