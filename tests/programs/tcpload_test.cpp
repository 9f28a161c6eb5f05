#include "harness/client_socket.hpp"
#include "harness/json.hpp"
#include "harness/server_process.hpp"
#include "harness/terminal.hpp"
#include "harness/text.hpp"
#include "programs/load.hpp"

#include <signal.h>

#include <gtest/gtest.h>

#include <thread>

// tcpload against the server that it is made for.
namespace {

using namespace harness;
using namespace std::chrono_literals;

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
  EXPECT_EQ(by_python(result.output, "(d['connections'], d['errors'], d['bytes_sent'], d['bytes_received'])"),
            "(300, 0, 300300, 300300)\n");
  EXPECT_EQ(by_python(result.output, "sum(count for upper, count in d['histogram_us'])"), "300\n");
  EXPECT_EQ(by_python(result.output,
                      "0 < d['latency_us']['p50'] <= d['latency_us']['p999'] <= "
                      "d['latency_us']['max'] <= d['duration_s'] * 1e6"),
            "True\n");
  const auto line = booked(server);
  EXPECT_NE(line.find(" 300 accepted, 0 refused, ended: 300 client closed;"), std::string::npos) << line;
  EXPECT_NE(line.find("; 300300 bytes in, 300300 out;"), std::string::npos) << line;
}

TEST(Load, PingsOnOneConnectionEach) {
  ServerProcess server({"--max-connections", "3", "--overload", "refuse"});
  const auto result = run(load_on(server, {"--ping", "20", "--concurrency", "3", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(by_python(result.output, "(d['round_trips'], d['connections'], d['bytes_received'])"),
            "(60, 3, 1920)\n");
  EXPECT_EQ(by_python(result.output, "sum(count for upper, count in d['histogram_us'])"), "60\n");
  const auto line = booked(server);
  EXPECT_NE(line.find(" 3 accepted, 0 refused,"), std::string::npos) << line;
}

TEST(Load, MovesMessagesThatTakeManyCalls) {
  ServerProcess server;
  const auto result =
      run(load_on(server, {"--connections", "4", "--concurrency", "4", "--message-size", "3M", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  const auto line = booked(server);
  EXPECT_NE(line.find("; 12582912 bytes in, 12582912 out;"), std::string::npos) << line;
}

TEST(Load, HoldsConnectionsAndAsksThemAgain) {
  ServerProcess server;
  Process load(load_on(server, {"--hold", "1500ms", "--concurrency", "100", "--json"}));
  EXPECT_TRUE(load.read_errors_until([](const auto& text) {
    return text == "tcpload: holding 100 connections for 1500ms\n";
  })) << load.errors();
  EXPECT_TRUE(server.status().starts_with("100 of 1000 sessions open, 100 accepted,"));
  EXPECT_EQ(load.wait(), 0) << load.errors();
  EXPECT_EQ(
      by_python(load.output(), "(d['held'], d['connections'], d['errors'], d['bytes_sent'], d['hold_s'])"),
      "(100, 100, 0, 6400, 1.5)\n");
  EXPECT_EQ(by_python(load.output(), "d['duration_s'] >= 1.5"), "True\n");
  EXPECT_EQ(by_python(load.output(), "sum(count for upper, count in d['histogram_us'])"), "100\n")
      << "the latencies are those of opening";
  const auto line = booked(server);
  EXPECT_NE(line.find("; 6400 bytes in, 6400 out;"), std::string::npos) << line;
}

TEST(Load, SendsStreamsAndWantsTheirEnd) {
  ServerProcess server;
  const auto result = run(load_on(server, {"--bulk", "5000003", "--concurrency", "3", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(by_python(result.output, "(d['bytes_sent'], d['bytes_received'], d['latency_us'], d['errors'])"),
            "(15000009, 15000009, None, 0)\n");
  EXPECT_EQ(by_python(result.output, "abs(d['bytes_per_s'] * d['duration_s'] / 15000009 - 1) < 0.01"),
            "True\n");
  const auto line = booked(server);
  EXPECT_NE(line.find("ended: 3 client closed;"), std::string::npos) << line;
  EXPECT_NE(line.find("; 15000009 bytes in, 15000009 out;"), std::string::npos) << line;
}

TEST(Load, AStreamOfOneByteIsOne) {
  ServerProcess server;
  EXPECT_EQ(run(load_on(server, {"--bulk", "1"})).ending, 0);
  const auto line = booked(server);
  EXPECT_NE(line.find("; 1 bytes in, 1 out;"), std::string::npos) << line;
}

TEST(Load, StartsNoFasterThanTheRate) {
  ServerProcess server;
  const auto result = run(load_on(server, {"--rate", "100", "--connections", "51", "--json"}));
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(by_python(result.output, "(d['duration_s'] >= 0.5, d['wanted_rate_per_s'], d['connections'])"),
            "(True, 100.0, 51)\n")
      << result.output;
}

// While the server is busy with somebody else nine tenths of the connections cannot even start.
TEST(Load, OfARateCountsLatenciesFromWhenEachWasDue) {
  ServerProcess server({"--mode", "iterative"});
  ClientSocket other(server.port());
  ASSERT_TRUE(other.send("x"));
  ASSERT_EQ(other.receive(1), "x");
  Process load(load_on(server, {"--rate", "1000", "--connections", "10", "--concurrency", "1", "--json"}));
  ASSERT_TRUE(eventually([&] { return server.status().find("queue 1 of ") != std::string::npos; }));
  std::this_thread::sleep_for(500ms);
  other.close();
  EXPECT_EQ(load.wait(), 0) << load.errors();
  EXPECT_EQ(by_python(load.output(), "d['latency_us']['p50'] >= 490000"), "True\n") << load.output();
}

TEST(Load, ComparesWithWhatTheServiceDoes) {
  ServerProcess upper({"--service", "upper"});
  EXPECT_EQ(run(load_on(upper, {"--connections", "20", "--service", "upper"})).ending, 0);
  EXPECT_EQ(run(load_on(upper, {"--bulk", "1M", "--service", "upper"})).ending, 0);
  const auto wrong = run(load_on(upper, {"--bulk", "1M"}));
  EXPECT_EQ(wrong.ending, 76);
  EXPECT_NE(wrong.errors.find(" of the reply is wrong (is it the other --service?)\n"), std::string::npos)
      << wrong.errors;
}

TEST(Load, ComesFromSeveralAddresses) {
  ServerProcess server({"--verbose"});
  EXPECT_EQ(run(load_on(server, {"--connections", "6", "--sources", "3"})).ending, 0);
  EXPECT_EQ(server.stop(), 0);
  for (const char* source : {"127.0.0.1", "127.0.0.2", "127.0.0.3"}) {
    EXPECT_EQ(occurrences(server.process().errors(), std::string(" peer=") + source + ":"), 4U)
        << "two that begin, two that end: " << server.process().errors();
  }
}

TEST(Load, HasSeveralAddressesForLoopbackAlone) {
  ServerProcess server;
  const auto result = run({TCPLOAD_PROGRAM, "--sources", "2", "::1", std::to_string(server.port())});
  EXPECT_EQ(result.ending, 64);
  EXPECT_EQ(
      result.errors,
      "tcpload: --sources: ::1 is not in 127.0.0.0/8, the loopback addresses of which it takes several\n");
}

TEST(Load, ClosesByResetWhereItIsToldTo) {
  ServerProcess server;
  EXPECT_EQ(run(load_on(server, {"--connections", "20", "--reset"})).ending, 0);
  EXPECT_TRUE(eventually([&] { return server.status().find("ended: 20 reset;") != std::string::npos; }))
      << server.status();
}

TEST(Load, TakesTheAddressOfTheHostThatAnswers) {
  ServerProcess server({"--bind", "127.0.0.1"});
  const auto result =
      run({TCPLOAD_PROGRAM, "localhost", std::to_string(server.port()), "--connections", "30", "--json"});
  EXPECT_EQ(result.ending, 0) << result.errors;
  const auto line = booked(server);
  EXPECT_NE(line.find(" 30 accepted,"), std::string::npos) << "nobody came to try: " << line;
}

TEST(Load, ThatIsStoppedReportsWhatWasSeen) {
  for (const int signal : {SIGINT, SIGTERM}) {
    ServerProcess server;
    Process load(load_on(server, {"--hold", "1h", "--concurrency", "5", "--json"}));
    ASSERT_TRUE(load.read_errors_until([](const auto& text) { return text.ends_with('\n'); }));
    load.signal(signal);
    EXPECT_EQ(load.wait(), -signal) << "ends by the signal, as whoever sent it expects";
    EXPECT_EQ(by_python(load.output(), "(d['ended'], d['unfinished'], d['held'], d['errors'])"),
              "('stopped', 5, 5, 0)\n");
  }
}

TEST(Load, ThatIsBusyHearsSignals) {
  ServerProcess server;
  Process load(load_on(server, {"--connections", "1000000000", "--concurrency", "8"}));
  ASSERT_TRUE(eventually([&] { return server.status().find(" 0 accepted") == std::string::npos; }));
  load.signal(SIGTERM);
  EXPECT_EQ(load.wait(), -SIGTERM);
  EXPECT_NE(load.output().find("\nstopped   after "), std::string::npos) << load.output();
}

TEST(LoadOnATerminal, DrawsAChartAndShowsHowFarItIs) {
  ServerProcess server;
  Terminal terminal(load_on(server, {"--rate", "10", "--connections", "15"}));
  EXPECT_TRUE(terminal.shows(" of 15 connections, ")) << terminal.shown();
  EXPECT_TRUE(terminal.shows("\x1b[36m#")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
  terminal.read_all();
  EXPECT_NE(terminal.shown().find("\x1b[1A\r\x1b[J127.0.0.1:"), std::string::npos)
      << "the line is gone before the report: " << terminal.shown();
}

TEST(LoadOnATerminal, HasNoColoursWhereNoneAreWanted) {
  ServerProcess server;
  Terminal terminal(load_on(server, {"--connections", "15"}), {60, 24}, {"TERM=xterm", "NO_COLOR=1"});
  EXPECT_EQ(terminal.process().wait(), 0);
  terminal.read_all();
  EXPECT_NE(terminal.shown().find(" #"), std::string::npos) << terminal.shown();
  EXPECT_EQ(terminal.shown().find('\x1b'), std::string::npos) << terminal.shown();
  for (const auto& line : lines_of(terminal.shown())) {
    if (line.find(" #") != std::string::npos) {
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
  EXPECT_TRUE(eventually([&] {
    return server.status().find(" 20 accepted, 0 refused, ended: 20 ") != std::string::npos;
  })) << server.status();
  terminal.type("\x11");  // Ctrl-Q
  EXPECT_TRUE(terminal.shows(": 20 connections, ")) << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
}

}  // namespace
