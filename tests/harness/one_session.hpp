#pragma once

#include "harness/server_process.hpp"

#include <memory>
#include <string>
#include <vector>

namespace harness {

// A server with one open session, and the process of that session.
class OneSession : public ::testing::Test {
 protected:
  // Starts a server with these options under this wrapper, and opens the session.
  void start(const std::vector<std::string>& options = {}, const std::vector<std::string>& wrapper = {}) {
    server = std::make_unique<ServerProcess>(options, SpawnOptions{}, wrapper);
    open_session();
  }
  // Opens the next session. No other session may be open.
  void open_session() {
    client = std::make_unique<ClientSocket>(harness::open_session(*server));
    const auto children = find_children(server->pid());
    ASSERT_EQ(children.size(), 1U);
    child = children[0].pid;
  }
  [[nodiscard]] bool no_child_is_left() const {
    return eventually([&] { return find_children(server->pid()).empty(); });
  }

  std::unique_ptr<ServerProcess> server;
  std::unique_ptr<ClientSocket> client;
  pid_t child = 0;
};

}  // namespace harness
