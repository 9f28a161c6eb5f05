#pragma once

#include "tcpserver/kernel/socket_facts.hpp"

#include "harness/server_process.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

// The accept queues of a server under test, asked of the kernel and not of the server.
namespace harness {

// By TCP_INFO, of copies of its listeners. Empty where the kernel gives none.
[[nodiscard]] std::vector<tcpserver::kernel::AcceptQueue> queues_of(const ServerProcess& server);

// Where all listeners have the same limit, that limit. Throws where none is seen.
[[nodiscard]] std::uint32_t limit_of(const ServerProcess& server);

// The longest backlog that listen(2) grants here.
[[nodiscard]] std::uint32_t longest_backlog();

// Tests that look into the queue, and are skipped where that cannot be.
class ListenQueue : public ::testing::Test {
 protected:
  void SetUp() override;
};

}  // namespace harness
