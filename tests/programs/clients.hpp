#pragma once

#include "harness/server_process.hpp"

#include <string>
#include <vector>

// The command line of many clients.
inline std::vector<std::string> clients_of(const std::string& port, std::vector<std::string> options) {
  options.insert(options.begin(), {TCPCLIENT_PROGRAM, "127.0.0.1", port, "--clients"});
  return options;
}
inline std::vector<std::string> clients_of(const harness::ServerProcess& server,
                                           std::vector<std::string> options) {
  return clients_of(std::to_string(server.port()), std::move(options));
}
