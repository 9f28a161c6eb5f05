#include "harness/listen_queue.hpp"

#include "harness/strace.hpp"

#include <memory>
#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;

TEST_F(ListenQueue, TakesTheBacklogFromFlagVariableFileOrDefault) {
  struct Case {
    std::vector<std::string> options;
    std::vector<std::string> variables;
    std::uint32_t limit;
  };
  const TextFile file("backlog = 3\n");
  const std::string five = "TCPSERVER_BACKLOG=5";
  const std::vector<Case> cases{
      {{}, {}, longest_backlog()},
      {{"--backlog", "7"}, {}, 7},
      {{}, {five}, 5},
      {{"--backlog", "7"}, {five}, 7},
      {{"--backlog", "99999999999999999999999"}, {}, longest_backlog()},
      {{"--config", file.path()}, {}, 3},
      {{}, {"TCPSERVER_CONFIG=" + file.path()}, 3},
      {{"--config", file.path()}, {five}, 5},
  };
  for (const auto& [options, variables, limit] : cases) {
    EXPECT_EQ(read_queue_limit(ServerProcess(options, {.environment = variables})), limit)
        << ::testing::PrintToString(options);
  }
}

void connect_more(const ServerProcess& server, std::vector<ClientSocket>& clients, int count) {
  for (int i = 0; i < count; ++i) clients.push_back(ClientSocket::pending(server.port()));
}

class Overflow : public ListenQueue {
 protected:
  static unsigned long dropped(ServerProcess& server) {
    return number_before(server.status(), " connection attempts dropped");
  }
  // Starts a server whose only slot is in use.
  void start_full(const std::string& backlog) {
    server = std::make_unique<ServerProcess>(std::vector<std::string>{
        "--bind", "127.0.0.1", "--backlog", backlog, "--max-connections", "1", "--drain-timeout", "0"});
    served = std::make_unique<ClientSocket>(open_session(*server));
    ASSERT_TRUE(server->says("limit reached: "));
  }
  std::unique_ptr<ServerProcess> server;
  std::unique_ptr<ClientSocket> served;
  std::vector<ClientSocket> clients;
};

// The server accepts no clients now, so nothing else wakes it.
TEST_F(Overflow, IsReportedOnceWithNumberLimitAndAdvice) {
  start_full("2");
  connect_more(*server, clients, 12);
  ASSERT_TRUE(server->says("raise --max-connections\n"));
  const auto warning = server->last_line();
  EXPECT_TRUE(contains(warning, "127.0.0.1:" + std::to_string(server->port()) + " (2) was full: "));

  // The clients send their SYNs again. The server counts further drops and does not warn again.
  const auto first = dropped(*server);
  EXPECT_GE(first, 1U);
  EXPECT_TRUE(eventually([&] { return dropped(*server) > first + 16; }));
  EXPECT_EQ(occurrences(server->log(), " was full: "), 1U) << server->log();
  EXPECT_TRUE(contains(server->status(), "; listen queue 3 of 2 on 127.0.0.1:"));
}

TEST_F(Overflow, IsReportedWithoutFurtherEvents) {
  ServerProcess stopped({"--bind", "127.0.0.1", "--backlog", "1"});
  open_session(stopped).close();
  stopped.signal(SIGSTOP);
  connect_more(stopped, clients, 8);
  clients.clear();  // no SYN is sent again
  stopped.signal(SIGCONT);
  EXPECT_TRUE(stopped.says(" was full: "));
  EXPECT_TRUE(contains(stopped.log(), "raise --backlog"));
}

TEST_F(Overflow, IsReportedBeforeTheServerStops) {
  start_full("1");
  connect_more(*server, clients, 4);
  ASSERT_TRUE(server->says(" was full: "));
  connect_more(*server, clients, 4);
  EXPECT_EQ(server->stop(), 0);
  EXPECT_EQ(occurrences(server->log(), " was full: "), 2U) << server->log();
  EXPECT_GE(number_before(server->last_line(), " connection attempts dropped"), 6U) << server->last_line();
}

TEST_F(Overflow, IsReportedDuringAnIterativeSession) {
  ServerProcess iterative({"--bind", "127.0.0.1", "--backlog", "1", "--mode", "iterative"});
  connect_more(iterative, clients, 12);
  EXPECT_TRUE(iterative.says(" was full: "));
  EXPECT_TRUE(contains(iterative.log(), "--mode fork"));
}

using OverflowTraced = Injection;

// The server asks the kernel at most once per second, twice for each listener.
TEST_F(OverflowTraced, TakesNoSystemCallPerConnection) {
  ServerProcess server({"--bind", "127.0.0.1"}, without_leak_check(), tracing("getsockopt,accept4"));
  const auto began = Clock::now();
  for (int i = 0; i < 300; ++i) open_session(server).close();
  EXPECT_EQ(server.stop(), 0);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(Clock::now() - began).count();
  const auto calls = trace();
  EXPECT_GE(occurrences(calls, "accept4("), 300U);
  EXPECT_GE(occurrences(calls, "getsockopt("), 1U);
  EXPECT_LE(occurrences(calls, "getsockopt("), 20U + 4U * static_cast<unsigned>(seconds));
}

TEST_F(Overflow, UsesNoCpuWhileIdle) {
  start_full("2");
  const auto switches = [&] { return std::stol(read_proc_status(server->pid(), "voluntary_ctxt_switches")); };
  const long before = switches();
  const auto began = Clock::now();
  std::this_thread::sleep_for(1200ms);
  const auto elapsed = std::chrono::ceil<std::chrono::seconds>(Clock::now() - began).count();
  EXPECT_LE(switches() - before, 3 * elapsed) << "it checks once per second while it accepts no clients";
  served->close();
  EXPECT_TRUE(eventually([&] {  // after the session was collected and the last check made
    const long settled = switches();
    std::this_thread::sleep_for(1200ms);
    return switches() == settled;
  })) << "an idle server sleeps";
}

}  // namespace
