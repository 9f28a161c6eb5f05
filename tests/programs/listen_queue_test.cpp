#include "harness/listen_queue.hpp"

#include "tcpserver/kernel/socket_facts.hpp"

#include "harness/client_socket.hpp"
#include "harness/figure.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/strace.hpp"
#include "harness/text.hpp"
#include "harness/text_file.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;
namespace kernel = tcpserver::kernel;

TEST_F(ListenQueue, HasTheBacklogOfFlagVariableFileAndDefault) {
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
    EXPECT_EQ(limit_of(ServerProcess(options, {.environment = variables})), limit)
        << ::testing::PrintToString(options);
  }
}

TEST_F(ListenQueue, KeepsWhatIsSentBeforeAccept) {
  ServerProcess server({"--bind", "127.0.0.1"});
  server.process().signal(SIGSTOP);
  std::vector<ClientSocket> clients;
  const auto bytes = varied_bytes(10'000);
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(server.port());
    ASSERT_TRUE(clients.back().connected());
    ASSERT_TRUE(clients.back().send(bytes));
  }
  EXPECT_EQ(queues_of(server).at(0).length, 20U);
  server.process().signal(SIGCONT);
  for (auto& client : clients) EXPECT_EQ(client.receive(bytes.size()), bytes);
  EXPECT_EQ(queues_of(server).at(0).length, 0U);
}

TEST_F(ListenQueue, ThatIsFullDropsSynsInSilenceAndLetsThemInLater) {
  ServerProcess server({"--bind", "127.0.0.1", "--backlog", "2"});
  server.process().signal(SIGSTOP);
  std::vector<ClientSocket> inside;
  for (int i = 0; i < 3; ++i) inside.emplace_back(server.port());
  auto outside = ClientSocket::pending(server.port());
  EXPECT_FALSE(outside.settled(300ms)) << "neither a RST nor a place";
  EXPECT_EQ(queues_of(server).at(0).length, 3U);
  server.process().signal(SIGCONT);
  ASSERT_TRUE(outside.settled(60s));
  ASSERT_TRUE(outside.send("x"));
  EXPECT_TRUE(outside.readable(60s)) << "it is served";
  EXPECT_GE(kernel::sent_again(outside.fd()).value_or(0), 1U);
}

void connect_more(const ServerProcess& server, std::vector<ClientSocket>& clients, int count) {
  for (int i = 0; i < count; ++i) clients.push_back(ClientSocket::pending(server.port()));
}

class Overflow : public ListenQueue {
 protected:
  static unsigned long dropped(ServerProcess& server) {
    return figure_before(server.status(), " drops at full queues");
  }
  // A server whose only place is taken.
  void start_full(const std::string& backlog) {
    server = std::make_unique<ServerProcess>(std::vector<std::string>{
        "--bind", "127.0.0.1", "--backlog", backlog, "--max-connections", "1", "--drain-timeout", "0"});
    served = std::make_unique<ClientSocket>(open_session(*server));
    ASSERT_TRUE(server->says("as --max-connections allows"));
  }
  std::unique_ptr<ServerProcess> server;
  std::unique_ptr<ClientSocket> served;
  std::vector<ClientSocket> clients;
};

// Although nothing wakes the server, which accepts nobody now.
TEST_F(Overflow, IsWarnedOfOnceWithTheNumberTheLimitAndTheAdvice) {
  start_full("2");
  connect_more(*server, clients, 12);
  ASSERT_TRUE(server->says("raise --max-connections\n"));
  const auto warning = server->last_line();
  EXPECT_TRUE(contains(warning, "127.0.0.1:" + std::to_string(server->port()) + " overflowed: ")) << warning;
  EXPECT_TRUE(contains(warning, "limit is 2")) << warning;

  // The clients' SYNs come again and again: further drops, no further warning, though a look falls into it.
  const auto first = dropped(*server);
  EXPECT_GE(first, 1U);
  EXPECT_TRUE(eventually([&] { return dropped(*server) > first + 16; })) << server->last_line();
  EXPECT_EQ(occurrences(server->log(), "overflowed: "), 1U) << server->log();
  EXPECT_TRUE(contains(server->status(), "; queue 3 of 2 on 127.0.0.1:")) << server->last_line();
}

TEST_F(Overflow, IsNoticedThoughNothingHappensAfterIt) {
  ServerProcess stopped({"--bind", "127.0.0.1", "--backlog", "1"});
  open_session(stopped).close();
  stopped.process().signal(SIGSTOP);
  connect_more(stopped, clients, 8);
  clients.clear();  // nobody who would come again
  stopped.process().signal(SIGCONT);
  EXPECT_TRUE(stopped.says("overflowed: "));
  EXPECT_TRUE(contains(stopped.log(), "raise --backlog"));
}

TEST_F(Overflow, OfTheLastMomentIsSaidBeforeTheEnd) {
  start_full("1");
  connect_more(*server, clients, 4);
  ASSERT_TRUE(server->says("overflowed: "));
  connect_more(*server, clients, 4);
  EXPECT_EQ(server->stop(), 0);
  EXPECT_EQ(occurrences(server->log(), "overflowed: "), 2U) << server->log();
  EXPECT_GE(figure_before(server->last_line(), " drops at full queues"), 6U) << server->last_line();
}

TEST_F(Overflow, OfTheIterativeServerIsNoticedInTheMiddleOfASession) {
  ServerProcess iterative({"--bind", "127.0.0.1", "--backlog", "1", "--mode", "iterative"});
  connect_more(iterative, clients, 12);
  EXPECT_TRUE(iterative.says("overflowed: "));
  EXPECT_TRUE(contains(iterative.log(), "--mode fork"));
}

using OverflowTraced = Injection;

// Each look asks the kernel twice a listener: not for each of many connections.
TEST_F(OverflowTraced, CostsAConnectionNoSystemCall) {
  ServerProcess server({"--bind", "127.0.0.1"}, no_search_for_leaks(),
                       {"strace", "-D", "-qq", "-o", log_path(), "-e", "trace=getsockopt,accept4"});
  for (int i = 0; i < 1000; ++i) open_session(server).close();
  EXPECT_EQ(server.stop(), 0);
  const auto calls = contents_of(log_path());
  EXPECT_GE(occurrences(calls, "accept4("), 1000U);
  EXPECT_GE(occurrences(calls, "getsockopt("), 1U);
  EXPECT_LE(occurrences(calls, "getsockopt("), 250U) << "once a second, however slow the machine is";
}

TEST_F(Overflow, UsesNoProcessorWhileNothingHappens) {
  start_full("2");
  const auto switches = [&] { return std::stol(status_of(server->pid(), "voluntary_ctxt_switches")); };
  const long before = switches();
  const auto began = Clock::now();
  std::this_thread::sleep_for(1200ms);
  const auto elapsed = std::chrono::ceil<std::chrono::seconds>(Clock::now() - began).count();
  EXPECT_LE(switches() - before, 3 * elapsed) << "it looks once a second while it accepts nobody";
  served->close();
  EXPECT_TRUE(eventually([&] {  // when the session's end is settled and the last look taken
    const long settled = switches();
    std::this_thread::sleep_for(1200ms);
    return switches() == settled;
  })) << "an idle server sleeps";
}

}  // namespace
