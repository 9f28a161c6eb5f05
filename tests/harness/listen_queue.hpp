#pragma once

#include "tcpserver/kernel/socket_facts.hpp"

#include "harness/server_process.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

// The accept queues of a server under test, as the kernel reports them.
namespace harness {

// TCP_INFO of copies of its listeners. Empty without the right to copy them.
[[nodiscard]] inline std::vector<tcpserver::kernel::AcceptQueue> queues_of(const ServerProcess& server) {
  std::vector<tcpserver::kernel::AcceptQueue> queues;
  for (const int fd : copies_of_listeners(server.pid())) {
    if (const auto queue = tcpserver::kernel::accept_queue(fd)) queues.push_back(*queue);
    ::close(fd);
  }
  return queues;
}

// The limit that all listeners have. Throws if none is seen.
[[nodiscard]] inline std::uint32_t limit_of(const ServerProcess& server) {
  const auto queues = queues_of(server);
  if (queues.empty()) throw std::runtime_error("no listener seen");
  for (const auto& queue : queues) EXPECT_EQ(queue.limit, queues[0].limit);
  return queues[0].limit;
}

// The longest backlog that listen(2) grants here.
[[nodiscard]] inline std::uint32_t longest_backlog() {
  const auto somaxconn = std::stoul(contents_of("/proc/sys/net/core/somaxconn"));
  return static_cast<std::uint32_t>(std::min<unsigned long>(somaxconn, SOMAXCONN));
}

// Tests that look into the queue. Skipped without the right to.
class ListenQueue : public ::testing::Test {
 protected:
  void SetUp() override {
    const ServerProcess server;
    if (queues_of(server).empty()) GTEST_SKIP() << "pidfd_getfd is not allowed here";
  }
};

}  // namespace harness
