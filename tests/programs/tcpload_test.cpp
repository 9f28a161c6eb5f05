#include "harness/json.hpp"
#include "harness/terminal.hpp"
#include "harness/text.hpp"
#include "programs/load.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

// tcpload against tcpserver.
namespace {

using namespace harness;
using namespace std::chrono_literals;

double count_latencies(const Json& json) {
  const auto counts = json.numbers("histogram_us.*.1");
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

TEST(Load, AgreesWithTheServersCounts) {
  const struct {
    std::vector<std::string> server, load;
    const char *keys, *values;
    double latencies;
    const char* log;  // a part of the server's last line
  } runs[] = {
      {{},
       {"--connections", "300", "--message-size", "1001"},
       "connections errors bytes_sent bytes_received",
       "300 0 300300 300300",
       300,
       " 300 accepted; sessions ended: 300 closed by client;"},
      {{"--max-connections", "3", "--overload", "refuse"},
       {"--ping", "20", "--concurrency", "3"},
       "round_trips connections bytes_received",
       "60 3 1920",
       60,
       " 3 accepted;"},
      {{},
       {"--connections", "4", "--concurrency", "4", "--message-size", "3M"},
       "message_size errors",
       "3145728 0",
       4,
       "; 12582912 bytes in, 12582912 out;"},
      {{},
       {"--bulk", "5000003", "--concurrency", "3"},
       "bytes_sent bytes_received latency_us errors",
       "15000009 15000009 null 0",
       0,
       "ended: 3 closed by client;"},
      {{}, {"--connections", "20", "--reset"}, "errors", "0", 20, "ended: 20 reset by client;"},
      {{"--service", "upper"},
       {"--connections", "20", "--service", "upper"},
       "errors",
       "0",
       20,
       " 20 accepted;"},
      {{"--service", "upper"}, {"--bulk", "1M", "--service", "upper"}, "errors", "0", 0, " 1 accepted;"}};
  for (const auto& [server_options, load_options, keys, values, latencies, log] : runs) {
    SCOPED_TRACE(log);
    ServerProcess server(server_options);
    auto command = load_command(server, load_options);
    command.emplace_back("--json");
    const auto result = run_to(0, command);
    EXPECT_EQ(result.errors, "");
    const Json json(result.output);
    EXPECT_EQ(json.values(keys), values);
    if (latencies > 0) {
      EXPECT_EQ(count_latencies(json), latencies);
      EXPECT_LE(json.number("latency_us.max"), json.number("duration_s") * 1e6);
    }
    EXPECT_EQ(server.stop(), 0);
    EXPECT_TRUE(contains(server.last_line(), log));
  }
}

TEST(Load, HoldsConnectionsAndExchangesAgain) {
  ServerProcess server;
  Process load(load_command(server, {"--hold", "500ms", "--concurrency", "100", "--json"}));
  EXPECT_TRUE(load.says("tcpload: holding 100 connections for 500ms\n")) << load.errors();
  EXPECT_TRUE(server.status().starts_with("100 of 1000 sessions open, 100 accepted;"));
  EXPECT_EQ(load.wait(), 0) << load.errors();
  const Json json(load.output());
  EXPECT_EQ(json.values("held connections errors bytes_sent hold_s"), "100 100 0 6400 0.500000");
  EXPECT_GE(json.number("duration_s"), 0.5);
  EXPECT_EQ(count_latencies(json), 100) << "the latencies are those of opening";
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(contains(server.last_line(), "; 6400 bytes in, 6400 out"));
}

TEST(Load, StartsNoFasterThanTheRate) {
  ServerProcess server;
  const Json json(run_to(0, load_command(server, {"--rate", "100", "--connections", "51", "--json"})).output);
  EXPECT_EQ(json.values("wanted_rate_per_s connections"), "100.000 51");
  EXPECT_GE(json.number("duration_s"), 0.5);
}

// While the server serves another client, nine of ten connections cannot start.
TEST(Load, MeasuresLatencyFromTheScheduledTime) {
  ServerProcess server({"--mode", "iterative"});
  auto other = open_session(server);
  Process load(
      load_command(server, {"--rate", "1000", "--connections", "10", "--concurrency", "1", "--json"}));
  ASSERT_TRUE(server.status_shows("queue 1 of "));
  std::this_thread::sleep_for(300ms);
  other.close();
  EXPECT_EQ(load.wait(), 0) << load.errors();
  EXPECT_GE(Json(load.output()).number("latency_us.p50"), 290'000);
}

TEST(Load, SuggestsTheOtherService) {
  ServerProcess upper({"--service", "upper"});
  const auto wrong = run_to(76, load_command(upper, {"--bulk", "1M"}));
  EXPECT_TRUE(contains(wrong.errors, "--service?"));
}

TEST(Load, ConnectsFromSeveralAddresses) {
  ServerProcess server({"--verbose"});
  run_to(0, load_command(server, {"--connections", "6", "--sources", "3"}));
  EXPECT_EQ(server.stop(), 0);
  for (const char* source : {"127.0.0.1", "127.0.0.2", "127.0.0.3"}) {
    EXPECT_EQ(occurrences(server.log(), std::string(" peer=") + source + ":"), 4U)
        << "two starts and two ends: " << server.log();
  }
  const auto result = run_to(64, {TCPLOAD_PROGRAM, "--sources", "2", "::1", port_text(server)});
  EXPECT_TRUE(contains(result.errors, "--sources: ::1"));
}

TEST(Load, UsesTheAddressThatAnswers) {
  ServerProcess server({"--bind", "127.0.0.1"});
  run_to(0, {TCPLOAD_PROGRAM, "localhost", port_text(server), "--connections", "30"});
  EXPECT_EQ(server.stop(), 0);
  EXPECT_TRUE(contains(server.last_line(), " 30 accepted;")) << "no connection was a mere trial";
}

TEST(Load, ReportsWhenASignalStopsIt) {
  for (const int signal : {SIGINT, SIGTERM}) {
    ServerProcess server;
    Process load(load_command(server, {"--hold", "1h", "--concurrency", "5", "--json"}));
    ASSERT_TRUE(load.says("\n"));
    load.signal(signal);
    EXPECT_EQ(load.wait(), -signal);
    EXPECT_EQ(Json(load.output()).values("ended unfinished held errors"), "stopped 5 5 0");
  }
}

TEST(Load, HandlesSignalsWhileBusy) {
  ServerProcess server;
  Process load(load_command(server, {"--connections", "1000000000", "--concurrency", "8"}));
  ASSERT_TRUE(eventually([&] { return contains(server.status(), " accepted"); }));
  load.signal(SIGTERM);
  EXPECT_EQ(load.wait(), -SIGTERM);
  EXPECT_TRUE(contains(load.output(), "\nstopped   by a signal after "));
}

TEST(LoadOnTerminal, DrawsProgressAndAChart) {
  ServerProcess server;
  Terminal terminal(load_command(server, {"--rate", "10", "--connections", "15"}));
  EXPECT_TRUE(terminal.shows(" of 15 connections, ")) << terminal.shown();
  EXPECT_TRUE(terminal.shows("\x1b[36m#")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
  terminal.read_all();
  EXPECT_TRUE(contains(terminal.shown(), "\x1b[1A\r\x1b[J127.0.0.1:"))
      << "the progress line is erased before the report: " << terminal.shown();
}

TEST(LoadOnTerminal, ObeysNoColor) {
  ServerProcess server;
  Terminal terminal(load_command(server, {"--connections", "15"}), {60, 24}, {"TERM=xterm", "NO_COLOR=1"});
  EXPECT_EQ(terminal.process().wait(), 0);
  terminal.read_all();
  EXPECT_TRUE(contains(terminal.shown(), " #"));
  EXPECT_FALSE(contains(terminal.shown(), "\x1b"));
}

TEST(LoadOnTerminal, IsNotDelayedByAStoppedTerminal) {
  ServerProcess server;
  Terminal terminal({"/bin/sh", "-c",
                     "stty -echo; echo ready; read go; exec " TCPLOAD_PROGRAM " 127.0.0.1 " +
                         port_text(server) + " --rate 10 --connections 20"});
  ASSERT_TRUE(terminal.shows("ready"));
  terminal.type("\x13go\n");  // Ctrl-S
  EXPECT_TRUE(server.status_shows(" 20 accepted; sessions ended: 20 ")) << server.status();
  terminal.type("\x11");  // Ctrl-Q
  EXPECT_TRUE(terminal.shows(": 20 connections, ")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
}

}  // namespace
