#pragma once

#include "client/timeline.hpp"

#include <string>

namespace tcpserver::client {

// What the picture shows, in figures: how long the quick clients waited, and whether they waited for the slow
// ones. A few sentences, in one line.
[[nodiscard]] std::string summary(const Timeline& timeline);

}  // namespace tcpserver::client
