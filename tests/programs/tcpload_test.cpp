#include "harness/json.hpp"
#include "harness/server_process.hpp"
#include "harness/terminal.hpp"
#include "harness/text.hpp"
#include "programs/load.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

// tcpload against the server that it is made for.
namespace {

using namespace harness;
using namespace std::chrono_literals;

double sum_of_counts(const std::string& json) {
  const auto counts = Json(json).numbers("histogram_us.*.1");
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

// What the server booked, as its last line says.
std::string booked(ServerProcess& server) {
  EXPECT_EQ(server.stop(), 0);
  return server.last_line();
}

TEST(Load, CountsWhatTheServerCounts) {
  ServerProcess server;
  const auto result = run(load_on(server, {"--connections", "300", "--message-size", "1001", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(result.errors, "");
  EXPECT_EQ(Json(result.output).values("connections errors bytes_sent bytes_received"),
            "300 0 300300 300300");
  EXPECT_EQ(sum_of_counts(result.output), 300);
  const Json json(result.output);
  EXPECT_LT(0, json.number("latency_us.p50"));
  EXPECT_LE(json.number("latency_us.p50"), json.number("latency_us.p999"));
  EXPECT_LE(json.number("latency_us.p999"), json.number("latency_us.max"));
  EXPECT_LE(json.number("latency_us.max"), json.number("duration_s") * 1e6);
  const auto line = booked(server);
  EXPECT_TRUE(contains(line, " 300 accepted, 0 refused, ended: 300 client closed;"));
  EXPECT_TRUE(contains(line, "; 300300 bytes in, 300300 out;"));
}

TEST(Load, PingsOnOneConnectionEach) {
  ServerProcess server({"--max-connections", "3", "--overload", "refuse"});
  const auto result = run(load_on(server, {"--ping", "20", "--concurrency", "3", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(Json(result.output).values("round_trips connections bytes_received"), "60 3 1920");
  EXPECT_EQ(sum_of_counts(result.output), 60);
  EXPECT_TRUE(contains(booked(server), " 3 accepted, 0 refused,"));
}

TEST(Load, MovesMessagesThatTakeManyCalls) {
  ServerProcess server;
  const auto result =
      run(load_on(server, {"--connections", "4", "--concurrency", "4", "--message-size", "3M", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_TRUE(contains(booked(server), "; 12582912 bytes in, 12582912 out;"));
}

TEST(Load, HoldsConnectionsAndAsksThemAgain) {
  ServerProcess server;
  Process load(load_on(server, {"--hold", "500ms", "--concurrency", "100", "--json"}));
  EXPECT_TRUE(load.read_errors_until([](const auto& text) {
    return text == "tcpload: holding 100 connections for 500ms\n";
  })) << load.errors();
  EXPECT_TRUE(server.status().starts_with("100 of 1000 sessions open, 100 accepted,"));
  EXPECT_EQ(load.wait(), 0) << load.errors();
  EXPECT_EQ(Json(load.output()).values("held connections errors bytes_sent hold_s"),
            "100 100 0 6400 0.500000");
  EXPECT_GE(Json(load.output()).number("duration_s"), 0.5);
  EXPECT_EQ(sum_of_counts(load.output()), 100) << "the latencies are those of opening";
  EXPECT_TRUE(contains(booked(server), "; 6400 bytes in, 6400 out;"));
}

TEST(Load, SendsStreamsAndWantsTheirEnd) {
  ServerProcess server;
  const auto result = run(load_on(server, {"--bulk", "5000003", "--concurrency", "3", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(Json(result.output).values("bytes_sent bytes_received latency_us errors"),
            "15000009 15000009 null 0");
  const Json json(result.output);
  EXPECT_NEAR(json.number("bytes_per_s") * json.number("duration_s") / 15000009, 1, 0.01);
  const auto line = booked(server);
  EXPECT_TRUE(contains(line, "ended: 3 client closed;"));
  EXPECT_TRUE(contains(line, "; 15000009 bytes in, 15000009 out;"));
}

TEST(Load, StartsNoFasterThanTheRate) {
  ServerProcess server;
  const auto result = run(load_on(server, {"--rate", "100", "--connections", "51", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  const Json json(result.output);
  EXPECT_EQ(json.values("wanted_rate_per_s connections"), "100.000 51");
  EXPECT_GE(json.number("duration_s"), 0.5);
}

// While the server is busy with somebody else nine tenths of the connections cannot even start.
TEST(Load, OfARateCountsLatenciesFromWhenEachWasDue) {
  ServerProcess server({"--mode", "iterative"});
  auto other = open_session(server);
  Process load(load_on(server, {"--rate", "1000", "--connections", "10", "--concurrency", "1", "--json"}));
  ASSERT_TRUE(server.status_shows("queue 1 of "));
  std::this_thread::sleep_for(300ms);
  other.close();
  EXPECT_EQ(load.wait(), 0) << load.errors();
  EXPECT_GE(Json(load.output()).number("latency_us.p50"), 290'000);
}

TEST(Load, ComparesWithWhatTheServiceDoes) {
  ServerProcess upper({"--service", "upper"});
  EXPECT_EQ(run(load_on(upper, {"--connections", "20", "--service", "upper"})).ending, 0);
  EXPECT_EQ(run(load_on(upper, {"--bulk", "1M", "--service", "upper"})).ending, 0);
  const auto wrong = run(load_on(upper, {"--bulk", "1M"}));
  EXPECT_EQ(wrong.ending, 76);
  EXPECT_TRUE(contains(wrong.errors, " of the reply is wrong (is it the other --service?)\n"));
}

TEST(Load, ComesFromSeveralAddresses) {
  ServerProcess server({"--verbose"});
  EXPECT_EQ(run(load_on(server, {"--connections", "6", "--sources", "3"})).ending, 0);
  EXPECT_EQ(server.stop(), 0);
  for (const char* source : {"127.0.0.1", "127.0.0.2", "127.0.0.3"}) {
    EXPECT_EQ(occurrences(server.log(), std::string(" peer=") + source + ":"), 4U)
        << "two that begin, two that end: " << server.log();
  }
}

TEST(Load, HasSeveralAddressesForLoopbackAlone) {
  ServerProcess server;
  const auto result = run({TCPLOAD_PROGRAM, "--sources", "2", "::1", std::to_string(server.port())});
  EXPECT_EQ(result.ending, 64);
  EXPECT_TRUE(contains(result.errors, "--sources: ::1"));
}

TEST(Load, ClosesByResetWhereItIsToldTo) {
  ServerProcess server;
  EXPECT_EQ(run(load_on(server, {"--connections", "20", "--reset"})).ending, 0);
  EXPECT_TRUE(server.status_shows("ended: 20 reset;")) << server.status();
}

TEST(Load, TakesTheAddressOfTheHostThatAnswers) {
  ServerProcess server({"--bind", "127.0.0.1"});
  const auto result =
      run({TCPLOAD_PROGRAM, "localhost", std::to_string(server.port()), "--connections", "30", "--json"});
  EXPECT_EQ(result.ending, 0) << result.errors;
  const auto line = booked(server);
  EXPECT_TRUE(contains(line, " 30 accepted,")) << "nobody came to try: " << line;
}

TEST(Load, ThatIsStoppedReportsWhatWasSeen) {
  for (const int signal : {SIGINT, SIGTERM}) {
    ServerProcess server;
    Process load(load_on(server, {"--hold", "1h", "--concurrency", "5", "--json"}));
    ASSERT_TRUE(load.read_errors_until([](const auto& text) { return text.ends_with('\n'); }));
    load.signal(signal);
    EXPECT_EQ(load.wait(), -signal) << "ends by the signal, as whoever sent it expects";
    EXPECT_EQ(Json(load.output()).values("ended unfinished held errors"), "stopped 5 5 0");
  }
}

TEST(Load, ThatIsBusyHearsSignals) {
  ServerProcess server;
  Process load(load_on(server, {"--connections", "1000000000", "--concurrency", "8"}));
  ASSERT_TRUE(eventually([&] { return !contains(server.status(), " 0 accepted"); }));
  load.signal(SIGTERM);
  EXPECT_EQ(load.wait(), -SIGTERM);
  EXPECT_TRUE(contains(load.output(), "\nstopped   after "));
}

TEST(LoadOnATerminal, DrawsAChartAndShowsHowFarItIs) {
  ServerProcess server;
  Terminal terminal(load_on(server, {"--rate", "10", "--connections", "15"}));
  EXPECT_TRUE(terminal.shows(" of 15 connections, ")) << terminal.shown();
  EXPECT_TRUE(terminal.shows("\x1b[36m#")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
  terminal.read_all();
  EXPECT_TRUE(contains(terminal.shown(), "\x1b[1A\r\x1b[J127.0.0.1:"))
      << "the line is gone before the report: " << terminal.shown();
}

TEST(LoadOnATerminal, HasNoColoursWhereNoneAreWanted) {
  ServerProcess server;
  Terminal terminal(load_on(server, {"--connections", "15"}), {60, 24}, {"TERM=xterm", "NO_COLOR=1"});
  EXPECT_EQ(terminal.process().wait(), 0);
  terminal.read_all();
  EXPECT_TRUE(contains(terminal.shown(), " #"));
  EXPECT_FALSE(contains(terminal.shown(), "\x1b"));
  for (const auto& line : lines_of(terminal.shown())) {
    if (contains(line, " #")) {
      EXPECT_LE(line.size(), 60U) << "59 columns and the terminal's \\r";
    }
  }
}

TEST(LoadOnATerminal, ThatIsFrozenIsNotDelayed) {
  ServerProcess server;
  Terminal terminal({"/bin/sh", "-c",
                     "stty -echo; echo ready; read go; exec " TCPLOAD_PROGRAM " 127.0.0.1 " +
                         std::to_string(server.port()) + " --rate 10 --connections 20"});
  ASSERT_TRUE(terminal.shows("ready"));
  terminal.type("\x13go\n");  // Ctrl-S
  EXPECT_TRUE(server.status_shows(" 20 accepted, 0 refused, ended: 20 ")) << server.status();
  terminal.type("\x11");  // Ctrl-Q
  EXPECT_TRUE(terminal.shows(": 20 connections, ")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
}

}  // namespace
