#pragma once

#include "harness/text.hpp"

#include <string>

namespace harness {

// What tests/golden/NAME holds: output that changes on purpose only.
[[nodiscard]] inline std::string golden(const std::string& name) {
  return contents_of(std::string(TCPSERVER_TEST_DATA) + "/golden/" + name);
}

}  // namespace harness
