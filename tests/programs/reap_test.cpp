#include "harness/server_process.hpp"

namespace {

using namespace harness;

TEST(Reap, NoneLeavesZombies) {
  ServerProcess server({"--reap", "none"});
  open_sessions(server, 20).clear();
  EXPECT_TRUE(eventually([&] { return count_zombies(server.pid()) == 20; })) << count_zombies(server.pid());
  EXPECT_TRUE(contains(server.log(), "--reap none: "));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(contains(server.last_line(), "stopped: 20 accepted; sessions ended: 20 closed by client"));
}

// Ends all sessions while the server is stopped, so that the SIGCHLDs merge into one.
void end_at_once(const ServerProcess& server, std::vector<ClientSocket>& clients) {
  const auto count = clients.size();
  ASSERT_TRUE(freeze(server.pid()));
  clients.clear();
  ASSERT_TRUE(eventually([&] { return count_zombies(server.pid()) == count; }));
  server.signal(SIGCONT);
}

TEST(Reap, HandlerReapsAllChildrenOfOneSignal) {
  raise_descriptor_limit();
  ServerProcess server;
  auto clients = open_sessions(server, 500);
  end_at_once(server, clients);
  EXPECT_TRUE(eventually([&] { return find_children(server.pid()).empty(); })) << count_zombies(server.pid());
  EXPECT_TRUE(contains(server.status(),
                       "0 of 1000 sessions open, 500 accepted; sessions ended: 500 closed by client;"));
  EXPECT_TRUE(contains(server.last_line(), "; children reaped: 500, SIGCHLDs handled: 1"));
}

TEST(Reap, OnceReapsOneChildPerSignal) {
  ServerProcess server({"--reap", "once", "--max-connections", "20", "--log-format", "json"});
  auto clients = open_sessions(server, 20);
  end_at_once(server, clients);
  EXPECT_TRUE(eventually([&] { return count_zombies(server.pid()) == 19; })) << count_zombies(server.pid());
  // Zombies keep their slots, so one slot is free. The SIGCHLD of its child reaps one zombie.
  open_session(server).close();
  EXPECT_TRUE(eventually(
      [&] { return count_zombies(server.pid()) == 19 && find_children(server.pid()).size() == 19; }));
  EXPECT_TRUE(serves(server));
  EXPECT_TRUE(contains(server.log(), "--reap once: "));
  EXPECT_TRUE(server.says("slots free again: 19 of 20 slots in use"));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(contains(server.log(), "\"ended_client_closed\": 22")) << "a stop reaps all";
}

// With many children the server waits by pid for those that announced their end, and a killed child announces
// nothing. The sweep that finds it may not be due yet in the second round, and must still come.
TEST(Reap, FindsKilledChildrenAmongMany) {
  raise_descriptor_limit();
  ServerProcess server;
  constexpr std::size_t all = 400;
  constexpr std::size_t batch = 50;
  auto clients = open_sessions(server, all);
  std::size_t left = all;
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(freeze(server.pid()));
    const auto zombies_before = count_zombies(server.pid());
    for (std::size_t i = 0; i < batch; ++i) clients.pop_back();
    ASSERT_TRUE(eventually([&] { return count_zombies(server.pid()) >= zombies_before + batch; }));
    std::size_t killed = 0;
    for (const auto& child : find_children(server.pid())) {
      if (child.state != 'Z' && killed < batch && ::kill(child.pid, SIGKILL) == 0) ++killed;
    }
    ASSERT_TRUE(eventually([&] { return count_zombies(server.pid()) >= zombies_before + 2 * batch; }));
    server.signal(SIGCONT);
    left -= 2 * batch;
  }
  EXPECT_TRUE(eventually([&] { return find_children(server.pid()).size() == left; }))
      << count_zombies(server.pid());
}

// `sh` starts children and becomes the server.
TEST(Reap, ReapsChildrenInheritedOverExec) {
  for (const char* mode : {"fork", "iterative"}) {
    ServerProcess server({"--mode", mode}, {}, {"/bin/sh", "-c", "true & sleep 0.2 & exec \"$0\" \"$@\""});
    EXPECT_TRUE(serves(server));
    EXPECT_TRUE(eventually([&] { return find_children(server.pid()).empty(); })) << mode;
    EXPECT_TRUE(std::string(mode) == "iterative" || server.logged_nothing_unusual());
  }
}

// The kernel reaps the children of a process that ignores SIGCHLD, which is inherited over exec.
TEST(Reap, ReplacesAnInheritedDisposition) {
  for (const std::string how : {"none", "handler"}) {
    ServerProcess server({"--reap", how}, {},
                         {"/bin/bash", "-c", "trap '' CHLD TERM INT; exec \"$0\" \"$@\""});
    open_sessions(server, 3).clear();
    const std::size_t left = how == "none" ? 3 : 0;
    EXPECT_TRUE(eventually([&] {
      return find_children(server.pid()).size() == left && count_zombies(server.pid()) == left;
    })) << how;
    EXPECT_EQ(server.stop(), 0);
  }
}

}  // namespace
