#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"

#include <signal.h>

#include <gtest/gtest.h>

namespace {

using namespace harness;

std::vector<ClientSocket> open_sessions(const ServerProcess& server, int count) {
  std::vector<ClientSocket> clients;
  for (int i = 0; i < count; ++i) clients.push_back(open_session(server));
  return clients;
}

TEST(Reap, NoneLeavesZombies) {
  ServerProcess server({"--reap", "none"});
  open_sessions(server, 20).clear();
  EXPECT_TRUE(eventually([&] { return zombies_of(server.pid()) == 20; })) << zombies_of(server.pid());
  EXPECT_TRUE(contains(server.log(), "--reap none: "));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(contains(server.last_line(),
                       "0 of 1000 sessions open, 20 accepted, 0 refused, ended: 20 client closed;"));
}

// While the server is stopped, all its children end: their SIGCHLDs merge into one. A handler that waits once
// per signal would reap one child and leave the rest.
TEST(Reap, OneSignalMayStandForManyChildren) {
  raise_descriptor_limit();
  ServerProcess server;
  auto clients = open_sessions(server, 500);
  server.process().signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return status_of(server.pid(), "State").starts_with("T"); }));
  clients.clear();
  ASSERT_TRUE(eventually([&] { return zombies_of(server.pid()) == 500; }));
  server.process().signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return children_of(server.pid()).empty(); })) << zombies_of(server.pid());
  EXPECT_TRUE(server.status().starts_with(
      "0 of 1000 sessions open, 500 accepted, 0 refused, ended: 500 client closed;"))
      << server.last_line();
  EXPECT_TRUE(contains(server.last_line(), "; children reaped: 500, SIGCHLDs handled: 1"));
}

// With many children the server asks for those who announced their end, and a killed one announces nothing.
// The second round comes at once after the first: the look that finds everybody may not be due yet, and then
// must come by itself.
TEST(Reap, OfManyFindsThoseWhoWereKilledToo) {
  raise_descriptor_limit();
  ServerProcess server;
  constexpr std::size_t all = 400;
  constexpr std::size_t batch = 50;
  auto clients = open_sessions(server, static_cast<int>(all));
  std::size_t left = all;
  for (int round = 0; round < 2; ++round) {
    server.process().signal(SIGSTOP);
    ASSERT_TRUE(eventually([&] { return status_of(server.pid(), "State").starts_with("T"); }));
    const auto zombies_before = zombies_of(server.pid());
    for (std::size_t i = 0; i < batch; ++i) clients.pop_back();
    ASSERT_TRUE(eventually([&] { return zombies_of(server.pid()) >= zombies_before + batch; }));
    std::size_t killed = 0;
    for (const auto& child : children_of(server.pid())) {
      if (child.state != 'Z' && killed < batch && ::kill(child.pid, SIGKILL) == 0) ++killed;
    }
    ASSERT_TRUE(eventually([&] { return zombies_of(server.pid()) >= zombies_before + 2 * batch; }));
    server.process().signal(SIGCONT);
    left -= 2 * batch;
  }
  EXPECT_TRUE(eventually([&] { return children_of(server.pid()).size() == left; }))
      << zombies_of(server.pid());
}

// Children that the program has from before its exec: `sh` starts them and becomes the server.
TEST(Reap, TakesChildrenThatItNeverStartedToo) {
  for (const char* mode : {"fork", "iterative"}) {
    ServerProcess server({"--mode", mode}, {}, {"/bin/sh", "-c", "true & sleep 0.2 & exec \"$0\" \"$@\""});
    ClientSocket client(server.port());
    EXPECT_EQ(echo_through(client, "x"), "x");
    EXPECT_TRUE(eventually([&] { return children_of(server.pid()).empty(); })) << mode;
    EXPECT_TRUE(server.said_nothing_unusual() || std::string(mode) == "iterative");
  }
}

// An ignored SIGCHLD, which is inherited over exec, would have the kernel reap the children unseen.
TEST(Reap, DoesNotDependOnTheInheritedDisposition) {
  for (const char* how : {"none", "handler"}) {
    ServerProcess server({"--reap", how}, {},
                         {"/bin/bash", "-c", "trap '' CHLD TERM INT; exec \"$0\" \"$@\""});
    open_sessions(server, 3).clear();
    const std::size_t left = std::string(how) == "none" ? 3 : 0;
    EXPECT_TRUE(eventually([&] {
      return children_of(server.pid()).size() == left && zombies_of(server.pid()) == left;
    })) << how;
    EXPECT_EQ(server.stop(), 0);
  }
}

}  // namespace
