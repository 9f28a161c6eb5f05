#pragma once

#include "harness/client_socket.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace harness {

// A server with one session open, and that session's process.
class OneSession : public ::testing::Test {
 protected:
  // As ServerProcess takes them.
  void start(const std::vector<std::string>& options = {}, const std::vector<std::string>& wrapper = {}) {
    server = std::make_unique<ServerProcess>(options, SpawnOptions{}, wrapper);
    open_session();
  }
  // The next one, when no other is open.
  void open_session() {
    client = std::make_unique<ClientSocket>(server->port());
    ASSERT_TRUE(client->send("x"));
    ASSERT_EQ(client->receive(1), "x");
    const auto children = children_of(server->pid());
    ASSERT_EQ(children.size(), 1U);
    child = children[0].pid;
  }

  std::unique_ptr<ServerProcess> server;
  std::unique_ptr<ClientSocket> client;
  pid_t child = 0;
};

}  // namespace harness
