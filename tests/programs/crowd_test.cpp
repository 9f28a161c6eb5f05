#include "harness/client_socket.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <array>

namespace {

using namespace harness;

// Opens `count` connections, sends different bytes on each, and reads the replies. Returns the number of
// correct replies.
int short_connections(std::uint16_t port, int count) {
  std::vector<ClientSocket> clients;
  int correct = 0;
  for (int i = 0; i < count; ++i) {
    clients.emplace_back(port);
    clients.back().send("client " + std::to_string(i));
    clients.back().half_close();
  }
  for (int i = 0; i < count; ++i) {
    if (clients[static_cast<std::size_t>(i)].receive_all() == "client " + std::to_string(i)) ++correct;
  }
  return correct;
}

TEST(ManyConnections, AreAllAnsweredWhenOpenAtOnce) {
  constexpr std::size_t count = 2000;
  if (raise_descriptor_limit() < count + 100)
    GTEST_SKIP() << "the descriptor limit of this machine is too low";
  ServerProcess server({"--max-connections", std::to_string(count)});
  std::vector<ClientSocket> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.emplace_back(server.port());
    ASSERT_TRUE(clients.back().connected()) << i;
  }
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto message = std::to_string(round) + ":" + std::to_string(i);
      ASSERT_TRUE(clients[i].send(message));
      ASSERT_EQ(clients[i].receive(message.size()), message);
    }
    EXPECT_TRUE(server.status().starts_with("2000 of 2000 sessions open, 2000 accepted"))
        << server.last_line();
  }
  clients.clear();
  EXPECT_TRUE(eventually([&] { return find_children(server.pid()).empty(); }));
  EXPECT_TRUE(server.status().starts_with("0 of 2000 sessions open")) << server.last_line();
  EXPECT_EQ(server.stop(), 0);
}

TEST(ManyConnections, LeaveNothingBehind) {
  constexpr int batches = TCPSERVER_TEST_SANITIZED != 0 ? 20 : 100;  // a sanitizer makes forks slow
  constexpr int batch_size = 200;
  raise_descriptor_limit();
  ServerProcess server;
  EXPECT_EQ(short_connections(server.port(), 10), 10);
  ASSERT_TRUE(eventually([&] { return find_children(server.pid()).empty(); }));
  const auto descriptors = count_descriptors(server.pid());
  const auto memory = read_proc_status(server.pid(), "VmSize");
  int correct = 0;
  for (int batch = 0; batch < batches; ++batch) correct += short_connections(server.port(), batch_size);
  EXPECT_EQ(correct, batches * batch_size);
  EXPECT_TRUE(eventually([&] { return find_children(server.pid()).empty(); })) << "children are left";
  EXPECT_EQ(count_descriptors(server.pid()), descriptors);
  if (!TCPSERVER_TEST_SANITIZED) {
    EXPECT_EQ(read_proc_status(server.pid(), "VmSize"), memory);
  }
  const auto status = server.status();
  const auto served = std::to_string(10 + correct);
  EXPECT_TRUE(status.starts_with("0 of 1000 sessions open, " + served +
                                 " accepted; sessions ended: " + served + " closed by client;"))
      << status;
  EXPECT_TRUE(server.logged_nothing_unusual()) << server.log();
}

// Many clients of one listener must not lock out the clients of another. With one slot and two full queues,
// the server must accept from both.
TEST(ManyConnections, AreAcceptedFromAllListenersInTurn) {
  ServerProcess server({"--max-connections", "1", "--bind", "127.0.0.1", "--bind", "127.0.0.2"});
  server.process().signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return read_proc_status(server.pid(), "State").starts_with("T"); }));
  struct Queue {
    const char* address;
    std::vector<ClientSocket> clients{};
    int served = 0;
  };
  std::array<Queue, 2> queues{Queue{"127.0.0.1"}, Queue{"127.0.0.2"}};
  for (auto& [address, clients, served] : queues) {
    for (int i = 0; i < 30; ++i) {
      clients.emplace_back(server.port(), AF_INET, address);
      ASSERT_TRUE(clients.back().send("x"));
    }
  }
  server.process().signal(SIGCONT);
  // The server has one slot: close each client that was answered, so that the next one is served.
  ASSERT_TRUE(eventually([&] {
    for (auto& [address, clients, served] : queues) {
      for (auto& client : clients) {
        if (client.fd() < 0 || !client.readable(std::chrono::milliseconds(0))) continue;
        client.close();
        ++served;
      }
    }
    return queues[0].served + queues[1].served >= 20;
  }));
  EXPECT_GE(queues[0].served, 8);
  EXPECT_GE(queues[1].served, 8);
}

}  // namespace
