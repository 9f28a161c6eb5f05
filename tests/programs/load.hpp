#pragma once

#include "harness/server_process.hpp"

#include <string>
#include <vector>

// The command line of tcpload.
inline std::vector<std::string> load_on(const std::string& port, std::vector<std::string> options) {
  options.insert(options.begin(), {TCPLOAD_PROGRAM, "127.0.0.1", port});
  return options;
}
inline std::vector<std::string> load_on(const harness::ServerProcess& server,
                                        std::vector<std::string> options) {
  return load_on(std::to_string(server.port()), std::move(options));
}
