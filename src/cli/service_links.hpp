#pragma once

#include <string_view>

namespace tcpserver::cli {

// Returns true if Kubernetes or Docker set this variable to describe a service or container: for the service
// "tcpserver-log", TCPSERVER_LOG_PORT=tcp://192.0.2.9:80 and its siblings. `name` is without the prefix
// TCPSERVER_. Kubernetes: "Service", "Environment variables"; Docker: "Legacy container links".
[[nodiscard]] bool is_service_link(std::string_view name, std::string_view value);

}  // namespace tcpserver::cli
