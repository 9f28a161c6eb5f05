#include "harness/listen_queue.hpp"

#include "harness/proc.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
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
  std::ifstream file("/proc/sys/net/core/somaxconn");
  std::uint32_t value = 0;
  file >> value;
  return std::min<std::uint32_t>(value, SOMAXCONN);
}

std::size_t lines_with(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

void ListenQueue::SetUp() {
  if (!TCPSERVER_TEST_LINUX) GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: the queue is not known";
  const ServerProcess server;
  if (queues_of(server).empty()) GTEST_SKIP() << "pidfd_getfd is not allowed here";
}

}  // namespace harness
