#include "harness/listen_queue.hpp"
#include "harness/strace.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;

class Reload : public ListenQueue {
 protected:
  // Starts a server with this configuration file.
  void start(const std::string& text, std::vector<std::string> options = {"--bind", "127.0.0.1"}) {
    file.write(text);
    options.insert(options.end(), {"--config", file.path()});
    server = std::make_unique<ServerProcess>(options);
  }
  ::testing::AssertionResult reload(const std::string& text, const std::string& said) {
    return server->reload(file, text, said);
  }
  // Connects clients that send these bytes.
  void connect(std::size_t count, const std::string& bytes) {
    for (std::size_t i = 0; i < count; ++i) {
      clients.emplace_back(server->port());
      ASSERT_TRUE(clients.back().send(bytes));
    }
  }

  const TextFile file;
  std::unique_ptr<ServerProcess> server;
  std::vector<ClientSocket> clients;
};

TEST_F(Reload, ChangesTheBacklogOfTheLiveSocket) {
  start("backlog = 7\n", {"--bind", "127.0.0.1,::1"});
  EXPECT_EQ(read_queue_limit(*server), 7U);
  EXPECT_TRUE(reload("backlog = 20\n", "changed: backlog 7 -> 20\n"));
  EXPECT_TRUE(eventually([&] { return read_queue_limit(*server) == 20; }));
  EXPECT_TRUE(reload("", "backlog 20 -> 4096"));
  EXPECT_TRUE(eventually([&] { return read_queue_limit(*server) == longest_backlog(); }));
  EXPECT_TRUE(server->says("(default; kernel maximum ")) << "it logs the new length";
}

TEST_F(Reload, LoweringTheBacklogDropsNoClient) {
  start("backlog = 20\nmax-connections = 1\n");
  connect(11, "waiting");
  ASSERT_EQ(clients[0].receive(7), "waiting");
  EXPECT_TRUE(reload("backlog = 2\nmax-connections = 1\n", "backlog 20 -> 2"));
  EXPECT_TRUE(eventually([&] { return read_queues(*server).at(0).limit == 2; }));
  EXPECT_EQ(read_queues(*server).at(0).length, 10U);
  clients[0].close();
  for (std::size_t i = 1; i < clients.size(); ++i) {
    ASSERT_EQ(clients[i].receive(7), "waiting") << i;
    clients[i].close();
  }
}

TEST_F(Reload, RaisesAndLowersMaxConnections) {
  start("max-connections = 2\n");
  connect(50, "hello");
  for (const std::size_t i : {0U, 1U}) ASSERT_EQ(clients[i].receive(5), "hello");
  EXPECT_FALSE(clients[2].readable(100ms));
  EXPECT_TRUE(reload("max-connections = 50\n", "max-connections 2 -> 50\n"));
  for (std::size_t i = 2; i < clients.size(); ++i) ASSERT_EQ(clients[i].receive(5), "hello") << i;
  EXPECT_TRUE(reload("max-connections = 1\n", "max-connections 50 -> 1\n"));
  for (auto& client : clients) ASSERT_TRUE(echoes(client)) << "open sessions go on";
  EXPECT_TRUE(contains(server->status(), "50 of 1 sessions open, 50 accepted"));
  ClientSocket late(server->port());
  ASSERT_TRUE(late.send("late"));
  EXPECT_FALSE(late.readable(100ms));
  clients.clear();
  EXPECT_EQ(late.receive(4), "late");
  late.close();
  EXPECT_TRUE(server->status_shows("0 of 1 sessions open, 51 accepted"));
  EXPECT_TRUE(contains(server->last_line(), "304 bytes in, 304 out"));
  EXPECT_EQ(count_zombies(server->pid()), 0U);
}

TEST_F(Reload, ChangesTimeouts) {
  start("");
  EXPECT_TRUE(reload("idle-timeout = 100ms\ndrain-timeout = 1h\n",
                     "idle-timeout 5m -> 100ms, drain-timeout 10s -> 1h\n"));
  EXPECT_EQ(ClientSocket(server->port()).receive_all(), "");
  EXPECT_TRUE(server->status_shows("1 idle timeout"));
  EXPECT_TRUE(reload("idle-timeout = 0\ndrain-timeout = 1h\n", "idle-timeout 100ms -> 0"));
  auto open = open_session(*server);
  server->signal(SIGTERM);
  EXPECT_TRUE(server->says("waiting up to 1h for 1 session "));
  open.close();
  EXPECT_EQ(server->wait(), 0);
}

TEST_F(Reload, ChangesVerbosity) {
  start("quiet = on\n");
  EXPECT_TRUE(serves(*server));
  const auto warnings_at_start = server->log().size();
  EXPECT_TRUE(reload("verbose = on\n", "verbose off -> on, quiet on -> off\n"));
  EXPECT_TRUE(serves(*server));
  EXPECT_TRUE(server->says(" bytes_in=6 bytes_out=6 "));
  EXPECT_TRUE(contains(server->log(), "session_open "));
  EXPECT_TRUE(reload("quiet = on\n", "verbose on -> off, quiet off -> on\n"));
  EXPECT_TRUE(server->status_shows("0 of 1000 sessions open, 2 accepted")) << "it answers SIGUSR1";
  EXPECT_EQ(server->stop(), 0);
  EXPECT_FALSE(contains(server->log(), "stopped: "));
  EXPECT_EQ(server->log().find("tcpserver: reload: "), warnings_at_start) << "it was quiet before";
}

TEST_F(Reload, ChangesNothingIfTheFileHasAnError) {
  start("backlog = 7\n");
  const auto where = "reload failed, nothing changed: " + file.path() + " line 2: ";
  EXPECT_TRUE(reload("backlog = 20\nmax-connections = 0\n", where + "max-connections: invalid value '0'"));
  EXPECT_TRUE(reload("backlog = 20\nfrobnicate = 1\n", where + "unknown option"));
  ::unlink(file.path().c_str());
  server->signal(SIGHUP);
  EXPECT_TRUE(server->says("No such file or directory\n"));
  EXPECT_EQ(read_queue_limit(*server), 7U);
  EXPECT_TRUE(serves(*server));
}

TEST_F(Reload, ReportsOptionsThatNeedARestartOrAreOverridden) {
  start("", {"--backlog", "7", "--bind", "127.0.0.1"});
  // Port, bind and backlog are flags, which override the file.
  EXPECT_TRUE(reload("backlog = 20\nbind = ::1\nport = 1\nmode = iterative\nreap = none\nservice = upper\n",
                     "restart required for: service, mode, reap\n"));
  EXPECT_EQ(read_queue_limit(*server), 7U);
  EXPECT_TRUE(serves(*server));
}

TEST_F(Reload, ChangesNothingWithoutAFreeDescriptor) {
  start("backlog = 7\n");
  ASSERT_TRUE(set_limit(server->pid(), RLIMIT_NOFILE, 4));
  EXPECT_TRUE(reload("backlog = 9\n", "nothing changed: cannot read"));
  ASSERT_TRUE(set_limit(server->pid(), RLIMIT_NOFILE, 1000));
  EXPECT_TRUE(reload("backlog = 9\n", "backlog 7 -> 9\n"));
}

TEST_F(Reload, AffectsTheNextSessionInIterativeMode) {
  start("idle-timeout = 1h\n", {"--mode", "iterative", "--bind", "127.0.0.1"});
  auto first = open_session(*server);
  EXPECT_TRUE(reload("idle-timeout = 50ms\nmax-connections = 3\nbacklog = 3\n",
                     "changed: backlog 4096 -> 3, idle-timeout 1h -> 50ms\n"));
  EXPECT_TRUE(eventually([&] { return read_queue_limit(*server) == 3; }));
  EXPECT_FALSE(first.readable(150ms)) << "the open session keeps its time-out";
  EXPECT_TRUE(echoes(first));
  EXPECT_FALSE(first.readable(150ms)) << "until its end";
  first.close();
  EXPECT_EQ(ClientSocket(server->port()).receive_all(), "") << "ended by the new time-out";
}

TEST_F(Reload, IsRefusedWhileStopping) {
  start("drain-timeout = 1h\n");
  auto client = open_session(*server);
  server->signal(SIGTERM);
  ASSERT_TRUE(server->says("stopping: "));
  EXPECT_TRUE(reload("drain-timeout = 0\n", "the server is stopping"));
  EXPECT_EQ(echo_through(client, "y"), "y");
  EXPECT_EQ(server->wait(), 0);
}

TEST_F(Reload, IsReportedWithoutAFile) {
  ServerProcess without;
  without.signal(SIGHUP);
  EXPECT_TRUE(without.says("reload: no configuration file"));
  EXPECT_TRUE(serves(without));
}

TEST_F(Reload, EscapesOddBytesOfAPath) {
  const std::string odd = file.path() + "\xff[31m";
  std::ofstream(odd) << "bogus\n";
  const auto shown = file.path() + "\\xff[31m' line 1: ";
  EXPECT_TRUE(fails(run({TCPSERVER_PROGRAM, "--config", odd}), 78, shown));
}

TEST_F(Reload, LosesNoClientUnderLoad) {
  start("backlog = 100\nmax-connections = 50\n");
  std::vector<std::jthread> callers;
  std::atomic<int> right = 0;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int turn = 0; turn < 250; ++turn) right += serves(*server) ? 1 : 0;
    });
  }
  std::jthread changer([&](const std::stop_token& stop) {
    for (int i = 1; !stop.stop_requested() && i <= 100; ++i) {  // the log is not read meanwhile
      file.write("backlog = " + std::to_string(100 + i) + "\nmax-connections = " + std::to_string(50 + i) +
                 "\n");
      server->signal(SIGHUP);
      std::this_thread::sleep_for(5ms);
    }
  });
  callers.clear();  // joined
  changer.request_stop();
  changer.join();
  EXPECT_EQ(right, 1000);
  EXPECT_EQ(server->stop(), 0);
  EXPECT_TRUE(contains(server->last_line(), " 1000 accepted; sessions ended: 1000 closed by client;"));
}

using ReloadInjected = Injection;

TEST_F(ReloadInjected, WarnsOnceIfListenFails) {
  const TextFile file("");
  auto server =
      start({"--config", file.path(), "--bind", "127.0.0.1,127.0.0.2"}, "listen", "error=EPERM:when=3+");
  EXPECT_TRUE(server.reload(file, "backlog = 9\n", "changed: backlog"));
  EXPECT_EQ(injected(), 2U);
  EXPECT_EQ(occurrences(server.log(), "reload: cannot update listener "), 1U) << server.log();
  EXPECT_TRUE(serves(server));
}

// net.core.somaxconn belongs to the network namespace of the server.
class ReloadOfSomaxconn : public Reload {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || run(in_namespace("true")).ending != 0)
      GTEST_SKIP() << "cannot make a network namespace";
    Reload::SetUp();
  }
  static std::vector<std::string> in_namespace(const std::string& last) {
    return {"unshare",
            "--net",
            "/bin/sh",
            "-c",
            "ip link set lo up && echo 20 >/proc/sys/net/core/somaxconn && exec \"$0\" \"$@\"",
            last};
  }
  void start(const std::vector<std::string>& options) {
    auto all = options;
    all.insert(all.end(), {"--config", file.path()});
    start_with(all);
  }
  void start_with(std::vector<std::string> all) {
    all.insert(all.end(), {"--bind", "127.0.0.1"});
    auto wrapper = in_namespace("");
    wrapper.pop_back();
    wrapper.emplace_back("env");
    server = std::make_unique<ServerProcess>(all, SpawnOptions{}, wrapper);
  }
  // Returns a command that runs in the namespace of the server.
  [[nodiscard]] std::vector<std::string> beside(const std::string& script) const {
    return {"nsenter", "--net=/proc/" + std::to_string(server->pid()) + "/ns/net", "/bin/sh", "-c", script};
  }
  void raise_to(int limit) const {
    ASSERT_EQ(run(beside("echo " + std::to_string(limit) + " >/proc/sys/net/core/somaxconn")).ending, 0);
  }
};

TEST_F(ReloadOfSomaxconn, TakesEffectWithoutAFile) {
  start_with({});
  raise_to(300);
  server->signal(SIGHUP);
  EXPECT_TRUE(server->says("listen queue: 20 -> 300 ("));
}

TEST_F(ReloadOfSomaxconn, TakesEffectAlthoughTheFileIsUnchanged) {
  start({});
  EXPECT_EQ(read_queue_limit(*server), 20U);
  raise_to(300);
  EXPECT_TRUE(reload("", "listen queue: 20 -> 300 (default 4096; kernel maximum 300: "));
  EXPECT_EQ(read_queue_limit(*server), 300U);
  raise_to(9000);
  EXPECT_TRUE(reload("", "listen queue: 300 -> 4096 (default; kernel maximum 9000)"));
  EXPECT_TRUE(reload("", "nothing changed"));
  EXPECT_TRUE(reload("backlog = max\n", "listen queue: 4096 -> 9000 ("));
  EXPECT_EQ(read_queue_limit(*server), 9000U);
  raise_to(9500);
  EXPECT_TRUE(reload("port = x\n", "reload failed"));
  EXPECT_TRUE(eventually([&] { return read_queue_limit(*server) == 9500U; })) << "a bad file does not matter";
  raise_to(9500);
  EXPECT_TRUE(reload("backlog = max\n", "listen queue: 9000 -> 9500 ("));
  EXPECT_EQ(occurrences(server->log(), " listen queue: "), 5U) << server->log();
}

TEST_F(ReloadOfSomaxconn, ReportsDropsUnderTheOldLimit) {
  start({"--backlog", "max"});
  raise_to(2);
  EXPECT_TRUE(reload("", "listen queue: 20 -> 2 ("));
  server->signal(SIGSTOP);
  const auto client = std::string(TCPCLIENT_PROGRAM) + " --timeout 300ms 127.0.0.1 ";
  const auto burst =
      "for i in 1 2 3 4 5 6 7 8; do " + client + std::to_string(server->port()) + " & done; wait";
  static_cast<void>(run(beside(burst)));
  raise_to(50);
  server->signal(SIGHUP);  // pending when the server continues
  server->signal(SIGCONT);
  EXPECT_TRUE(server->says("listen queue: 2 -> 50 ("));
  EXPECT_TRUE(contains(server->log(), " (2) was full: "));
  EXPECT_FALSE(contains(server->log(), " (50) was full: "));
}

}  // namespace
