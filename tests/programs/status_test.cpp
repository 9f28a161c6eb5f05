#include "programs/status.hpp"

#include "harness/json.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace {

using namespace harness;

TEST(Status, ShowsEachClientWithItsBytes) {
  ServerProcess server({"--bind", "127.0.0.1"});
  const auto local = "127.0.0.1:" + std::to_string(server.port());
  std::vector<ClientSocket> clients;
  const std::vector<std::size_t> counts{1, 1000, 300'001, 0};
  for (const auto count : counts) clients.push_back(client_with_bytes(server.port(), count));
  ASSERT_TRUE(eventually([&] { return find_children(server.pid()).size() == 4; }));
  // The last bytes may not be acknowledged yet.
  Shown status;
  ASSERT_TRUE(eventually([&] {
    status = shown_on(server.port());
    return std::all_of(status.rows.begin(), status.rows.end(),
                       [](const Row& row) { return row.send_queue == "0"; });
  }));
  ASSERT_EQ(status.finished.ending, 0) << status.finished.errors;
  EXPECT_EQ(status.finished.errors, "");
  ASSERT_EQ(status.head.size(), 3U);
  EXPECT_EQ(status.head[0], "tcpserver, pid " + std::to_string(server.pid()) + ": serving, 4 sessions");
  EXPECT_TRUE(contains(status.head[1], "since 20"));
  EXPECT_EQ(status.head[2], "listening on " + local + ", queue 0 of 4096");
  ASSERT_EQ(status.rows.size(), 4U) << status.finished.output;

  std::set<std::string> pids;
  for (const auto& child : find_children(server.pid())) pids.insert(std::to_string(child.pid));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto* const row = row_with_peer(status, format_address(clients[i]));
    ASSERT_NE(row, nullptr) << status.finished.output;
    EXPECT_EQ(pids.erase(row->pid), 1U);
    EXPECT_EQ(row->in, std::to_string(counts[i]));
    EXPECT_EQ(row->out, std::to_string(counts[i]));
    EXPECT_EQ(row->state, "ESTABLISHED");
  }
  clients.clear();
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(server.logged_nothing_unusual());
}

TEST(Status, ShowsTheClientOfAnIterativeServer) {
  ServerProcess server({"--mode", "iterative"});
  const auto served = client_with_bytes(server.port(), 12);
  const ClientSocket waiting(server.port());
  ASSERT_TRUE(eventually([&] { return contains(shown_on(server.port()).head.at(2), "queue 1 of"); }));
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.output << status.finished.errors;
  EXPECT_EQ(status.rows[0].pid, std::to_string(server.pid()));
  EXPECT_EQ(status.rows[0].peer, format_address(served));
  EXPECT_EQ(status.rows[0].age, "-");
  EXPECT_EQ(status.rows[0].in, "12");
  EXPECT_EQ(status.rows[0].out, "12");
}

// A stopped child reads nothing, so the state is that of the socket. A FIN does not count as a byte.
TEST(Status, ShowsHalfClosedClients) {
  ServerProcess server;
  auto client = client_with_bytes(server.port(), 5);
  const auto child = find_child(server);
  ASSERT_TRUE(freeze(child));
  ASSERT_TRUE(client.send("1234567"));
  client.half_close();
  Shown status;
  EXPECT_TRUE(eventually([&] {
    status = shown_on(server.port());
    return status.rows.size() == 1 && status.rows[0].state == "CLOSE-WAIT";
  })) << status.finished.output;
  EXPECT_EQ(status.rows.at(0).in, "12");
  EXPECT_EQ(status.rows.at(0).out, "5");
  ::kill(child, SIGCONT);
  EXPECT_EQ(client.receive_all(), "1234567");
}

TEST(Status, ShowsUnreadBytes) {
  ServerProcess server;
  ClientSocket client(server.port());
  EXPECT_GT(fill_until_stalled(client), 0U);
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.errors;
  EXPECT_GT(std::stoull(status.rows[0].send_queue), 0U) << status.finished.output;
  const auto out = std::stoull(status.rows[0].out);
  EXPECT_LE(out, std::stoull(status.rows[0].in));
  // The send queue counts; the server does not know yet of a write that is still going on.
  EXPECT_GE(out, number_before(server.status(), " out"));
}

TEST(Status, ShowsEachOfManySessionsOnce) {
  ServerProcess server;
  constexpr std::size_t count = 300;
  std::vector<ClientSocket> clients;
  std::set<std::string> peers;
  for (std::size_t i = 1; i <= count; ++i) {
    clients.push_back(client_with_bytes(server.port(), i));
    peers.insert(format_address(clients.back()) + " " + std::to_string(i));
  }
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), count) << status.finished.errors;
  for (const auto& row : status.rows) EXPECT_EQ(peers.erase(row.peer + " " + row.in), 1U) << row.peer;
}

// A session that ends meanwhile is no error.
TEST(Status, WorksWhileClientsComeAndGo) {
  ServerProcess server;
  Process crowd({TCPLOAD_PROGRAM, "127.0.0.1", std::to_string(server.port()), "--connections", "1000",
                 "--concurrency", "20"});
  do {
    const auto status = shown_on(server.port());
    ASSERT_EQ(status.finished.ending, 0) << status.finished.errors;
    EXPECT_LE(status.rows.size(), 200U);
    std::set<std::string> peers;
    for (const auto& row : status.rows) {
      EXPECT_TRUE(row.peer == "-" || peers.insert(row.peer).second) << row.peer;
    }
  } while (crowd.running());
  EXPECT_EQ(crowd.wait(), 0) << crowd.errors();
}

TEST(Status, ShowsZombies) {
  ServerProcess server({"--reap", "none"});
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(serves(server));
  const auto client = client_with_bytes(server.port(), 1);
  ASSERT_TRUE(eventually([&] { return count_zombies(server.pid()) == 2; }));
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 3U) << status.finished.output << status.finished.errors;
  EXPECT_TRUE(contains(status.head.at(0), ": serving, 1 session, 2 zombies"));
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_EQ(status.rows[i].state, "zombie");
    EXPECT_EQ(status.rows[i].peer, "-");
  }
  EXPECT_EQ(status.rows[2].state, "ESTABLISHED");
}

TEST(Status, HasAJsonForm) {
  ServerProcess server;
  const auto client = client_with_bytes(server.port(), 21);
  const auto status = shown({"--log-format", "json", "--port", std::to_string(server.port())}).finished;
  ASSERT_EQ(status.ending, 0) << status.errors;
  EXPECT_EQ(
      Json(status.output)
          .values("servers.*.state servers.*.pid servers.*.sessions.*.peer servers.*.sessions.*.bytes_in"),
      "serving " + std::to_string(server.pid()) + " " + format_address(client) + " 21");
}

}  // namespace
