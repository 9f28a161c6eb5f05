#pragma once

#include "tcpserver/kernel/socket_facts.hpp"

#include "harness/server_process.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

// Reads the accept queues of a server under test from the kernel.
namespace harness {

// Returns the accept queue of each listener. Empty without permission to copy the listeners (pidfd_getfd).
[[nodiscard]] inline std::vector<tcpserver::kernel::AcceptQueue> read_queues(const ServerProcess& server) {
  std::vector<tcpserver::kernel::AcceptQueue> queues;
  for (const int fd : copy_listeners(server.pid())) {
    if (const auto queue = tcpserver::kernel::accept_queue(fd)) queues.push_back(*queue);
    ::close(fd);
  }
  return queues;
}

// Returns the queue limit, which must be the same for all listeners. Throws if there is no listener.
[[nodiscard]] inline std::uint32_t read_queue_limit(const ServerProcess& server) {
  const auto queues = read_queues(server);
  if (queues.empty()) throw std::runtime_error("no listener seen");
  for (const auto& queue : queues) EXPECT_EQ(queue.limit, queues[0].limit);
  return queues[0].limit;
}

// Returns the largest backlog that listen(2) grants on this machine.
[[nodiscard]] inline std::uint32_t longest_backlog() {
  const auto somaxconn = std::stoul(read_text("/proc/sys/net/core/somaxconn"));
  return static_cast<std::uint32_t>(std::min<unsigned long>(somaxconn, SOMAXCONN));
}

// Tests that read the accept queue. Skipped without permission.
class ListenQueue : public ::testing::Test {
 protected:
  void SetUp() override {
    const ServerProcess server;
    if (read_queues(server).empty()) GTEST_SKIP() << "pidfd_getfd is not allowed here";
  }
};

}  // namespace harness
