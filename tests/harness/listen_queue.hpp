#pragma once

#include "tcpserver/kernel/socket_facts.hpp"

#include "harness/server_process.hpp"

#include <cstdint>
#include <string>
#include <vector>

// The accept queues of a server under test, as the kernel reports them.
namespace harness {

// TCP_INFO of copies of its listeners. Empty without the right to copy them.
[[nodiscard]] std::vector<tcpserver::kernel::AcceptQueue> queues_of(const ServerProcess& server);

// The limit that all listeners have. Throws if none is seen.
[[nodiscard]] std::uint32_t limit_of(const ServerProcess& server);

// The longest backlog that listen(2) grants here.
[[nodiscard]] std::uint32_t longest_backlog();

// Tests that look into the queue. Skipped without the right to.
class ListenQueue : public ::testing::Test {
 protected:
  void SetUp() override;
};

}  // namespace harness
