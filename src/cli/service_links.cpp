#include "cli/service_links.hpp"

#include "tcpserver/base/values.hpp"

#include <string>

namespace tcpserver::cli {

namespace {

// True for "tcp://192.0.2.9:80" and "udp://[fd00::1]:53".
bool is_service_address(std::string_view text) {
  for (const std::string_view scheme : {"tcp://", "udp://", "sctp://"}) {
    if (!text.starts_with(scheme)) continue;
    text.remove_prefix(scheme.size());
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    return text.find_first_not_of("0123456789abcdefABCDEF.:[]") == std::string_view::npos &&
           base::parse_count(text.substr(colon + 1), 1, 65535).has_value();
  }
  return false;
}

// True for "80_TCP" and "80_TCP_ADDR".
bool is_port_and_protocol(std::string_view text) {
  const auto port = base::take_until(text, '_');
  const auto protocol = base::take_until(text, '_');
  return base::parse_count(port, 1, 65535) && (protocol == "TCP" || protocol == "UDP" || protocol == "SCTP");
}

}  // namespace

bool is_service_link(std::string_view name, std::string_view value) {
  const std::string parts = "_" + std::string(name);
  const auto has = [&](std::string_view part) { return parts.find(part) != std::string::npos; };
  if (parts.ends_with("_SERVICE_HOST") || parts.ends_with("_SERVICE_PORT") || has("_SERVICE_PORT_"))
    return true;
  if (parts.ends_with("_PORT") && is_service_address(value)) return true;
  for (auto at = parts.find("_PORT_"); at != std::string::npos; at = parts.find("_PORT_", at + 1)) {
    if (is_port_and_protocol(std::string_view(parts).substr(at + 6))) return true;
  }
  // Docker: the path of the linked container, and its environment.
  return has("_ENV_") || (parts.ends_with("_NAME") && value.starts_with('/'));
}

}  // namespace tcpserver::cli
