#pragma once

#include <fstream>
#include <sstream>
#include <string>

namespace harness {

// What tests/golden/NAME holds: output that changes on purpose only.
[[nodiscard]] inline std::string golden(const std::string& name) {
  std::ifstream file(std::string(TCPSERVER_TEST_DATA) + "/golden/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace harness
