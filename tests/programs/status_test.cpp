#include "programs/status.hpp"

#include "harness/figure.hpp"
#include "harness/json.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace {

using namespace harness;

TEST(Status, ShowsEachClientWithItsBytes) {
  ServerProcess server({"--bind", "127.0.0.1"});
  const auto local = "127.0.0.1:" + std::to_string(server.port());
  std::vector<ClientSocket> clients;
  const std::vector<std::size_t> counts{1, 1000, 300'001};
  for (const auto count : counts) {
    clients.emplace_back(server.port());
    echo(clients.back(), count);
  }
  ClientSocket silent(server.port());
  ASSERT_TRUE(eventually([&] { return children_of(server.pid()).size() == 4; }));
  // What the last read has acknowledged may still be on its way.
  ASSERT_TRUE(eventually([&] {
    const auto now = shown_on(server.port());
    return std::all_of(now.rows.begin(), now.rows.end(),
                       [](const Row& row) { return row.send_queue == "0"; });
  }));
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.finished.ending, 0) << status.finished.errors;
  EXPECT_EQ(status.finished.errors, "");
  ASSERT_EQ(status.head.size(), 2U);
  EXPECT_TRUE(status.head[0].starts_with("tcpserver, pid " + std::to_string(server.pid()) + ", since 20"))
      << status.head[0];
  EXPECT_TRUE(status.head[0].ends_with("): 4 sessions")) << status.head[0];
  EXPECT_EQ(status.head[1], "listens on " + local + " (queue 0 of 4096)");
  ASSERT_EQ(status.rows.size(), 4U) << status.finished.output;

  std::set<std::string> pids;
  for (const auto& child : children_of(server.pid())) pids.insert(std::to_string(child.pid));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto* const row = row_with_peer(status, address_of(clients[i]));
    ASSERT_NE(row, nullptr) << status.finished.output;
    EXPECT_EQ(pids.erase(row->pid), 1U);
    EXPECT_EQ(row->local, local);
    EXPECT_EQ(row->in, std::to_string(counts[i]));
    EXPECT_EQ(row->out, std::to_string(counts[i]));
    EXPECT_EQ(row->state, "ESTABLISHED");
  }
  const auto* const row = row_with_peer(status, address_of(silent));
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->in + row->out, "00");
  clients.clear();
  silent.close();
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(server.said_nothing_unusual()) << server.log();
}

TEST(Status, ShowsTheClientThatAnIterativeServerServes) {
  ServerProcess server({"--mode", "iterative"});
  ClientSocket served(server.port());
  echo(served, 12);
  ClientSocket waiting(server.port());
  ASSERT_TRUE(waiting.send("waiting"));
  ASSERT_TRUE(eventually([&] { return contains(shown_on(server.port()).head.at(1), "queue 1 of"); }));
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.output << status.finished.errors;
  EXPECT_EQ(status.rows[0].pid, std::to_string(server.pid()));
  EXPECT_EQ(status.rows[0].peer, address_of(served));
  EXPECT_EQ(status.rows[0].age, "-");
  EXPECT_EQ(status.rows[0].in, "12");
  EXPECT_EQ(status.rows[0].out, "12");
}

// A stopped child takes nothing: the state is that of the socket, and a FIN is no byte.
TEST(Status, ShowsHalfClosedClients) {
  ServerProcess server;
  ClientSocket client(server.port());
  echo(client, 5);
  const auto child = children_of(server.pid()).at(0).pid;
  ::kill(child, SIGSTOP);
  ASSERT_TRUE(eventually([&] { return children_of(server.pid()).at(0).state == 'T'; }));
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

TEST(Status, ShowsWhatAClientDoesNotRead) {
  ServerProcess server;
  ClientSocket client(server.port());
  EXPECT_GT(fill_until_stalled(client), 0U);
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.errors;
  EXPECT_GT(std::strtoull(status.rows[0].send_queue.c_str(), nullptr, 10), 0U) << status.finished.output;
  const auto in = std::strtoull(status.rows[0].in.c_str(), nullptr, 10);
  const auto out = std::strtoull(status.rows[0].out.c_str(), nullptr, 10);
  EXPECT_LE(out, in);
  // What waits in the send queue counts; and of a write that is still going on, the server does not know yet.
  EXPECT_GE(out, figure_before(server.status(), " out"));
}

TEST(Status, OfManySessionsShowsEachOnce) {
  ServerProcess server;
  constexpr std::size_t count = 300;
  std::vector<ClientSocket> clients;
  std::set<std::string> peers;
  for (std::size_t i = 0; i < count; ++i) {
    clients.emplace_back(server.port());
    echo(clients.back(), i + 1);
    peers.insert(address_of(clients.back()) + " " + std::to_string(i + 1));
  }
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), count) << status.finished.errors;
  for (const auto& row : status.rows) EXPECT_EQ(peers.erase(row.peer + " " + row.in), 1U) << row.peer;
  EXPECT_TRUE(peers.empty());
}

// Whatever ends while it looks is no error.
TEST(Status, WhileClientsComeAndGo) {
  ServerProcess server;
  Process crowd({TCPLOAD_PROGRAM, "127.0.0.1", std::to_string(server.port()), "--connections", "2000",
                 "--concurrency", "20"});
  int looks = 0;
  while (crowd.running()) {
    const auto status = shown_on(server.port());
    ASSERT_EQ(status.finished.ending, 0) << status.finished.errors;
    EXPECT_LE(status.rows.size(), 200U);
    std::set<std::string> peers;
    for (const auto& row : status.rows) {
      EXPECT_TRUE(row.peer == "-" || peers.insert(row.peer).second) << row.peer;
    }
    ++looks;
  }
  EXPECT_GT(looks, 0);
  EXPECT_EQ(crowd.wait(), 0) << crowd.errors();
}

TEST(Status, ShowsZombies) {
  ServerProcess server({"--reap", "none"});
  for (int i = 0; i < 2; ++i) {
    ClientSocket client(server.port());
    ASSERT_EQ(echo_through(client, "gone"), "gone");
  }
  ClientSocket client(server.port());
  echo(client, 1);
  ASSERT_TRUE(eventually([&] { return zombies_of(server.pid()) == 2; }));
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 3U) << status.finished.output << status.finished.errors;
  EXPECT_TRUE(status.head.at(0).ends_with("): 1 session, 2 zombies")) << status.head.at(0);
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_EQ(status.rows[i].state, "zombie");
    EXPECT_EQ(status.rows[i].peer, "-");
  }
  EXPECT_EQ(status.rows[2].state, "ESTABLISHED");
}

TEST(Status, IsJsonForPrograms) {
  ServerProcess server;
  ClientSocket client(server.port());
  echo(client, 21);
  const auto status =
      run({TCPSERVER_PROGRAM, "--status", "--log-format", "json", "--port", std::to_string(server.port())});
  ASSERT_EQ(status.ending, 0) << status.errors;
  EXPECT_EQ(
      Json(status.output).values("servers.*.pid servers.*.sessions.*.peer servers.*.sessions.*.bytes_in"),
      std::to_string(server.pid()) + " " + address_of(client) + " 21");
}

}  // namespace
