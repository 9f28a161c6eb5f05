#pragma once

#include "tcpserver/cli/option_table.hpp"

#include <cstdint>

namespace tcpserver::cli {

// What is done with the bytes of a client: sent back as they came, or with their ASCII letters in capitals.
enum class Service : std::uint8_t { echo, upper };

// The value as a service, or refused.
[[nodiscard]] inline Service service_of(const Given& given) {
  return choice_of<Service>(given, "a service", {"echo", Service::echo}, {"upper", Service::upper});
}

}  // namespace tcpserver::cli
