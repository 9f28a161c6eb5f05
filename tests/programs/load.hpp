#pragma once

#include "harness/server_process.hpp"

#include <sys/socket.h>

#include <gtest/gtest.h>

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

// For servers of a test's own: they read and answer messages of tcpload.
inline constexpr std::size_t message_size = 32;  // as long as tcpload sends by default

inline std::string read_message(int connection) {
  std::string text(message_size, '\0');
  EXPECT_EQ(::recv(connection, text.data(), text.size(), MSG_WAITALL), static_cast<ssize_t>(text.size()));
  return text;
}

inline void write_text(int connection, const std::string& text) {
  EXPECT_EQ(::send(connection, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}
