#pragma once

#include "harness/own_server.hpp"
#include "harness/server_process.hpp"

#include <sys/socket.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

// Command lines of tcpload and tcpclient --clients for a server or a port.
inline std::string port_text(const std::string& port) {
  return port;
}
inline std::string port_text(const harness::ServerProcess& server) {
  return std::to_string(server.port());
}
inline std::vector<std::string> load_command(const auto& server, std::vector<std::string> options) {
  options.insert(options.begin(), {TCPLOAD_PROGRAM, "127.0.0.1", port_text(server)});
  return options;
}
inline std::vector<std::string> clients_command(const auto& server, std::vector<std::string> options) {
  options.insert(options.begin(), {TCPCLIENT_PROGRAM, "127.0.0.1", port_text(server), "--clients"});
  return options;
}

inline harness::Finished run_to(int ending, const std::vector<std::string>& command) {
  const auto result = harness::run(command);
  EXPECT_EQ(result.ending, ending) << result.errors;
  return result;
}

// For servers in the test.
inline constexpr std::size_t message_size = 32;  // tcpload's default

inline std::string read_message(int connection) {
  std::string text(message_size, '\0');
  EXPECT_EQ(::recv(connection, text.data(), text.size(), MSG_WAITALL), static_cast<ssize_t>(text.size()));
  return text;
}

inline void write_text(int connection, const std::string& text) {
  EXPECT_EQ(::send(connection, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

inline void reset_on_close(int connection) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  EXPECT_EQ(::setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
}
