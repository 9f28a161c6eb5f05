#include "harness/listen_queue.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"
#include "harness/text_file.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;

class Reload : public ListenQueue {
 protected:
  // Writes the file, sends SIGHUP, and returns what the server says to it.
  std::string reload(ServerProcess& server, const std::string& text) const {
    file.write(text);
    const auto before = occurrences(server.log(), "SIGHUP: ");
    server.process().signal(SIGHUP);
    const bool said = server.process().read_errors_until([&](const std::string& errors) {
      return errors.ends_with('\n') && occurrences(errors, "SIGHUP: ") > before;
    });
    const auto& errors = server.log();
    return said ? errors.substr(errors.rfind("SIGHUP: ")) : "nothing is said";
  }
  const TextFile file;
};

TEST_F(Reload, PutsABacklogInForceOnTheLiveSocket) {
  file.write("backlog = 7\n");
  ServerProcess server({"--bind", "127.0.0.1,::1", "--config", file.path()});
  EXPECT_EQ(limit_of(server), 7U);
  EXPECT_TRUE(contains(reload(server, "backlog = 20\n"), "now in force: backlog 7 -> 20\n"));
  EXPECT_TRUE(eventually([&] { return limit_of(server) == 20; }));
  EXPECT_TRUE(contains(reload(server, ""), "backlog 20 -> SOMAXCONN"));
  EXPECT_TRUE(eventually([&] { return limit_of(server) == longest_backlog(); }));
  EXPECT_TRUE(server.says("nobody asked: the default, SOMAXCONN"))
      << "and the line about what is in effect is said anew";
}

TEST_F(Reload, ThatLowersTheBacklogDropsNobody) {
  file.write("backlog = 20\nmax-connections = 1\n");
  ServerProcess server({"--bind", "127.0.0.1", "--config", file.path()});
  std::vector<ClientSocket> clients;
  for (int i = 0; i < 11; ++i) {
    clients.emplace_back(server.port());
    ASSERT_TRUE(clients.back().send("waiting"));
  }
  ASSERT_EQ(clients[0].receive(7), "waiting");
  EXPECT_TRUE(contains(reload(server, "backlog = 2\nmax-connections = 1\n"), "backlog 20 -> 2"));
  EXPECT_EQ(queues_of(server).at(0).limit, 2U);
  EXPECT_EQ(queues_of(server).at(0).length, 10U);
  clients[0].close();
  for (std::size_t i = 1; i < clients.size(); ++i) {
    ASSERT_EQ(clients[i].receive(7), "waiting") << i;
    clients[i].close();
  }
}

TEST_F(Reload, RaisesAndLowersTheNumberOfConnections) {
  file.write("max-connections = 2\n");
  ServerProcess server({"--bind", "127.0.0.1", "--config", file.path()});
  std::vector<ClientSocket> clients;
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back(server.port());
    ASSERT_TRUE(clients.back().send("hello"));
  }
  for (const std::size_t i : {0U, 1U}) ASSERT_EQ(clients[i].receive(5), "hello");
  EXPECT_FALSE(clients[2].readable(100ms));
  EXPECT_TRUE(contains(reload(server, "max-connections = 50\n"), "max-connections 2 -> 50\n"));
  for (std::size_t i = 2; i < clients.size(); ++i) ASSERT_EQ(clients[i].receive(5), "hello") << i;
  EXPECT_TRUE(contains(reload(server, "max-connections = 1\n"), "max-connections 50 -> 1\n"));
  for (auto& client : clients) {  // open sessions go on, those from before the first reload too
    ASSERT_TRUE(client.send("again"));
    ASSERT_EQ(client.receive(5), "again");
  }
  EXPECT_TRUE(server.status().starts_with("50 of 1 sessions open, 50 accepted, 0 refused, ended: none;"))
      << server.last_line();
  ClientSocket late(server.port());
  ASSERT_TRUE(late.send("late"));
  EXPECT_FALSE(late.readable(100ms));
  for (auto& client : clients) ASSERT_EQ(echo_through(client, "bye"), "bye");
  EXPECT_EQ(late.receive(4), "late");
  late.close();
  EXPECT_TRUE(eventually([&] { return server.status().starts_with("0 of 1 sessions open, 51 accepted"); }));
  EXPECT_TRUE(contains(server.last_line(), "654 bytes in, 654 out"));
  EXPECT_EQ(zombies_of(server.pid()), 0U);
}

TEST_F(Reload, ChangesTimeOuts) {
  file.write("");
  ServerProcess server({"--bind", "127.0.0.1", "--config", file.path()});
  const auto said = reload(server, "idle-timeout = 100ms\ndrain-timeout = 1h\n");
  EXPECT_TRUE(contains(said, "idle-timeout 5m -> 100ms, drain-timeout 10s -> 1h\n"));
  ClientSocket silent(server.port());
  EXPECT_EQ(silent.receive_all(), "") << "ended, for it said nothing";
  EXPECT_TRUE(server.status_shows("1 idle time-out"));
  static_cast<void>(reload(server, "idle-timeout = 0\ndrain-timeout = 1h\n"));
  auto open = open_session(server);
  server.process().signal(SIGTERM);
  EXPECT_TRUE(server.says("may finish within 1h;"));
  open.close();
  EXPECT_EQ(server.process().wait(), 0);
}

TEST_F(Reload, ChangesVerbosity) {
  file.write("quiet = on\n");
  ServerProcess server({"--bind", "127.0.0.1", "--config", file.path()});
  { ClientSocket unheard(server.port()); }
  const auto warnings_at_start = server.log().size();
  EXPECT_TRUE(contains(reload(server, "verbose = on\n"), "verbosity quiet -> verbose\n"));
  ClientSocket client(server.port());
  EXPECT_EQ(echo_through(client, "hello"), "hello");
  EXPECT_TRUE(server.says(" bytes_in=5 bytes_out=5 "));
  EXPECT_TRUE(contains(server.log(), "session_open "));
  EXPECT_TRUE(contains(reload(server, "quiet = on\n"), "verbosity verbose -> quiet\n"));
  EXPECT_TRUE(eventually([&] {  // who asks is answered
    return server.status().starts_with("0 of 1000 sessions open, 2 accepted");
  })) << server.last_line();
  EXPECT_EQ(server.stop(), 0);
  EXPECT_FALSE(contains(server.log(), "stopped: "));
  EXPECT_EQ(server.log().find("tcpserver: SIGHUP: "), warnings_at_start) << "no word before";
}

TEST_F(Reload, OfAFileWithAnErrorChangesNothing) {
  file.write("backlog = 7\n");
  ServerProcess server({"--config", file.path()});
  const std::string nothing = "SIGHUP: nothing is changed: ";
  for (const auto& [text, error] : {std::pair{"backlog = 20\nmax-connections = 0\n", "max-connections: '0'"},
                                    {"backlog = 20\nfrobnicate = 1\n", "unknown option"}}) {
    const auto said = reload(server, text);
    EXPECT_TRUE(said.starts_with(nothing + file.path() + " line 2: " + error)) << said;
  }
  ::unlink(file.path().c_str());
  server.process().signal(SIGHUP);
  EXPECT_TRUE(server.says("No such file or directory\n"));
  EXPECT_EQ(limit_of(server), 7U);
  open_session(server).close();
}

TEST_F(Reload, SaysWhatNeedsARestartAndWhatAFlagBeats) {
  file.write("");
  ServerProcess server({"--backlog", "7", "--bind", "127.0.0.1", "--config", file.path()});
  static_cast<void>(
      reload(server, "backlog = 20\nbind = ::1\nport = 1\nmode = iterative\nreap = none\nservice = upper\n"));
  // Port and bind are flags, which beat the file.
  EXPECT_TRUE(server.says(": mode, reap, service\n"));
  EXPECT_EQ(limit_of(server), 7U);
  open_session(server).close();
}

TEST_F(Reload, WithNoDescriptorLeftChangesNothing) {
  file.write("backlog = 7\n");
  ServerProcess server({"--config", file.path()});
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 4));
  EXPECT_TRUE(contains(reload(server, "backlog = 9\n"), "nothing is changed: cannot read"));
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 1000));
  EXPECT_TRUE(contains(reload(server, "backlog = 9\n"), "backlog 7 -> 9\n"));
}

TEST_F(Reload, InAnIterativeSessionHoldsForTheNext) {
  file.write("idle-timeout = 1h\n");
  ServerProcess server({"--mode", "iterative", "--bind", "127.0.0.1", "--config", file.path()});
  auto first = open_session(server);
  const auto said = reload(server, "idle-timeout = 50ms\nmax-connections = 3\nbacklog = 3\n");
  EXPECT_TRUE(contains(said, "now in force: backlog SOMAXCONN -> 3, idle-timeout 1h -> 50ms\n"));
  EXPECT_EQ(limit_of(server), 3U);
  EXPECT_FALSE(first.readable(150ms)) << "who is served keeps what it has";
  ASSERT_TRUE(first.send("y"));
  EXPECT_EQ(first.receive(1), "y");
  EXPECT_FALSE(first.readable(150ms)) << "for all of its session";
  first.close();
  ClientSocket second(server.port());
  EXPECT_EQ(second.receive_all(), "") << "ended by the new time-out";
}

TEST_F(Reload, WhileStoppingIsRefused) {
  file.write("drain-timeout = 1h\n");
  ServerProcess server({"--bind", "127.0.0.1", "--config", file.path()});
  auto client = open_session(server);
  server.process().signal(SIGTERM);
  ASSERT_TRUE(server.says("stopping: "));
  EXPECT_TRUE(contains(reload(server, "drain-timeout = 0\n"), "the server is stopping"));
  EXPECT_EQ(echo_through(client, "y"), "y");
  EXPECT_EQ(server.process().wait(), 0);
}

TEST_F(Reload, ShowsNoControlBytesOfAPath) {
  const std::string odd = file.path() + "\n\x1b[31m";
  std::ofstream(odd) << "bogus\n";
  const auto result = run({TCPSERVER_PROGRAM, "--config", odd});
  ::unlink(odd.c_str());
  EXPECT_EQ(result.ending, 64);
  EXPECT_TRUE(contains(result.errors, file.path() + "\\x0a\\x1b[31m' line 1: 'bogus'"));
}

TEST_F(Reload, InTheMiddleOfLoadLosesNoClient) {
  file.write("backlog = 100\nmax-connections = 50\n");
  ServerProcess server({"--bind", "127.0.0.1", "--config", file.path()});
  std::vector<std::jthread> callers;
  std::atomic<int> right = 0;
  std::atomic<bool> done = false;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int turn = 0; turn < 250; ++turn) {
        ClientSocket client(server.port());
        right += echo_through(client, "hello") == "hello" ? 1 : 0;
      }
    });
  }
  std::jthread changer([&] {
    for (int i = 1; !done && i <= 100; ++i) {  // nobody reads meanwhile what the server says
      file.write("backlog = " + std::to_string(100 + i) + "\nmax-connections = " + std::to_string(50 + i) +
                 "\n");
      server.process().signal(SIGHUP);
      std::this_thread::sleep_for(5ms);
    }
  });
  callers.clear();  // joined
  done = true;
  changer.join();
  EXPECT_EQ(right, 1000);
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(contains(server.last_line(), " 1000 accepted, 0 refused, ended: 1000 client closed;"));
}

}  // namespace
