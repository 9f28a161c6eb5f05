#include "harness/listen_queue.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace harness {

namespace kernel = tcpserver::kernel;

std::vector<kernel::AcceptQueue> queues_of(const ServerProcess& server) {
  std::vector<kernel::AcceptQueue> queues;
  for (const int fd : copies_of_listeners(server.pid())) {
    if (const auto queue = kernel::accept_queue(fd)) queues.push_back(*queue);
    ::close(fd);
  }
  return queues;
}

std::uint32_t limit_of(const ServerProcess& server) {
  const auto queues = queues_of(server);
  if (queues.empty()) throw std::runtime_error("no listener seen");
  for (const auto& queue : queues) EXPECT_EQ(queue.limit, queues[0].limit);
  return queues[0].limit;
}

std::uint32_t longest_backlog() {
  const auto somaxconn = std::stoul(contents_of("/proc/sys/net/core/somaxconn"));
  return static_cast<std::uint32_t>(std::min<unsigned long>(somaxconn, SOMAXCONN));
}

void ListenQueue::SetUp() {
  const ServerProcess server;
  if (queues_of(server).empty()) GTEST_SKIP() << "pidfd_getfd is not allowed here";
}

}  // namespace harness
