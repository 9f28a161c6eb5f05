#include "harness/json.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/stalled_reader.hpp"
#include "harness/terminal.hpp"
#include "harness/text.hpp"

#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <sstream>
#include <thread>
#include <utility>

namespace {

using namespace harness;
using namespace std::chrono_literals;

Finished tcpbacklog(std::vector<std::string> words) {
  words.insert(words.begin(), TCPBACKLOG_PROGRAM);
  return run(words);
}

// A Python program that prints its port as its first line.
class PythonServer {
 public:
  explicit PythonServer(const std::string& script) : process_({"python3", "-c", script}) {
    EXPECT_TRUE(process_.read_output_until([](const std::string& text) { return text.ends_with('\n'); }));
    port = process_.output().substr(0, process_.output().find('\n'));
  }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  std::string port;

 private:
  Process process_;
};

constexpr const char* listening = R"(
import socket, time
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(BACKLOG)
cs = [socket.socket() for i in range(CLIENTS)]
for c in cs: c.setblocking(False); c.connect_ex(s.getsockname())
print(s.getsockname()[1], flush=True)
)";

// A listener of another program with backlog 7. It never accepts, and connects this number of clients to
// itself.
class PythonListener : public PythonServer {
 public:
  explicit PythonListener(int clients)
      : PythonServer("BACKLOG, CLIENTS = 7, " + std::to_string(clients) + listening + "time.sleep(600)") {}
};

class Tcpbacklog : public ::testing::Test {
 protected:
  void SetUp() override {
    if (find_command("python3").empty()) GTEST_SKIP() << "python3 is not installed";
  }
};

TEST_F(Tcpbacklog, ProbePrintsJson) {
  const auto result = tcpbacklog({"probe", "--from", "5", "--to", "6", "--json"});
  EXPECT_EQ(result.ending, 0);
  const Json json(result.output);
  EXPECT_EQ(json.values("rows.*.backlog rows.*.bsd rows.*.solaris"), "5 6 8 null 5 null");
  EXPECT_EQ(json.values("rows.*.queued"), json.values("rows.*.counted_otherwise"));
  EXPECT_EQ(json.values("full_queue.error full_queue.got_in"), "null true");
}

TEST_F(Tcpbacklog, ProbeReportsThatDescriptorsRanOut) {
  const auto result =
      run({"prlimit", "--nofile=20", TCPBACKLOG_PROGRAM, "probe", "--from", "30", "--to", "30"});
  EXPECT_EQ(result.ending, 71);
  EXPECT_TRUE(contains(result.errors, "Too many open files"));
}

TEST_F(Tcpbacklog, WatchShowsTheQueueOfAnotherProgram) {
  const PythonListener listener(20);
  Process watch({TCPBACKLOG_PROGRAM, "watch", listener.port, "--interval", "100ms"});
  const std::string queue =
      "  127.0.0.1:" + listener.port + "  queue 8 of 7 [####################] longest 8, dropped ";
  // Twelve clients retransmit their SYNs after one second, and later again.
  EXPECT_TRUE(watch.read_output_until([&](const std::string& text) {
    const auto last = text.rfind(queue);
    return last != std::string::npos && text.size() > last + queue.size() && text[last + queue.size()] != '0';
  }));
  const auto& text = watch.output();
  EXPECT_TRUE(text.starts_with("0.0 s  127.0.0.1:" + listener.port + "  listener of python3 (pid " +
                               std::to_string(listener.pid()) + ")\n0.0 s" + queue + "0;"))
      << text;
  EXPECT_EQ(watch.errors(), "");
}

TEST_F(Tcpbacklog, WatchPrintsJson) {
  const PythonListener listener(5);
  const auto result = tcpbacklog({"watch", listener.port, "--json", "--count", "1"});
  EXPECT_EQ(Json(result.output).values("listeners.*.queue listeners.*.limit syn_queue"), "5 7 0");
}

// In a new network namespace, twenty SYNs come from an address behind a tunnel that never answers, so their
// handshakes remain incomplete.
constexpr const char* half_open_script = R"(
import socket, subprocess, sys
subprocess.run("ip link set lo up && ip tuntap add t0 mode tun && ip addr add 10.0.0.1/24 dev t0 &&"
               "ip link set t0 up", shell=True, check=True)
listener = socket.socket()
listener.bind(("10.0.0.1", 0))
listener.listen(50)
clients = [socket.socket() for i in range(20)]
for client in clients:
    client.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
    client.bind(("10.0.0.2", 0))
    client.setblocking(False)
    client.connect_ex(listener.getsockname())
subprocess.run([sys.argv[1], "watch", str(listener.getsockname()[1]), "--count", "1", "--json"], check=True)
)";

TEST_F(Tcpbacklog, WatchShowsTheSynQueue) {
  if (find_command("ip").empty()) GTEST_SKIP() << "ip is not installed";
  if (::access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "cannot open /dev/net/tun";
  if (run({"unshare", "-n", "true"}).ending != 0) GTEST_SKIP() << "cannot create a network namespace";
  const auto result = run({"unshare", "-n", "python3", "-c", half_open_script, TCPBACKLOG_PROGRAM});
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(Json(result.output).values("syn_queue listeners.0.queue"), "20 0");
}

TEST_F(Tcpbacklog, WatchContinuesWhenTheServerEnds) {
  auto listener = std::make_unique<PythonListener>(0);
  Process watch({TCPBACKLOG_PROGRAM, "watch", listener->port, "--interval", "10ms"});
  ASSERT_TRUE(watch.read_output_until([](const std::string& text) { return contains(text, "of 7"); }));
  listener.reset();
  EXPECT_TRUE(watch.read_output_until([](const std::string& text) { return contains(text, "no listener"); }));
  EXPECT_TRUE(watch.running());
}

TEST_F(Tcpbacklog, WatchRedrawsOnATerminal) {
  const PythonListener listener(8);
  Terminal terminal({TCPBACKLOG_PROGRAM, "watch", listener.port, "--interval", "50ms", "--count", "3"});
  EXPECT_TRUE(terminal.shows("queue 8 of 7 [####################]")) << terminal.shown();
  EXPECT_TRUE(terminal.shows("\x1b[6A")) << "not redrawn in place: " << terminal.shown();
  EXPECT_TRUE(terminal.shows("  ###\x1b[K")) << "no marks of three full samples: " << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(Tcpbacklog, WatchFailsWithoutAListenerInAPipe) {
  // The port of a client has no listener, and no other test can take it.
  const ServerProcess server;
  const ClientSocket client(server.port());
  const auto free_port = std::to_string(client.own_port());
  const auto result = tcpbacklog({"watch", free_port});
  EXPECT_EQ(result.ending, 69);
  EXPECT_EQ(result.output, "");
  EXPECT_TRUE(contains(result.errors, "nothing is listening on port " + free_port));
}

constexpr const char* free_port_script = R"(
import socket
s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])
)";

TEST_F(Tcpbacklog, WatchWaitsForAListenerOnATerminal) {
  auto port = run({"python3", "-c", free_port_script}).output;
  port.pop_back();
  Terminal counted({TCPBACKLOG_PROGRAM, "watch", port, "--count", "9"});
  EXPECT_EQ(counted.process().wait(), 69) << "a limited watch does not wait";

  Terminal terminal({TCPBACKLOG_PROGRAM, "watch", port, "--interval", "20ms"});
  EXPECT_TRUE(terminal.shows("waiting for a listener on port " + port)) << terminal.shown();
  ServerProcess server({"--port", port, "--bind", "127.0.0.1"});
  EXPECT_TRUE(terminal.shows("queue 0 of ")) << terminal.shown();
  terminal.type("\x03");
  EXPECT_TRUE(terminal.shows("fullest queue 0 of ")) << terminal.shown();
}

TEST_F(Tcpbacklog, WatchSummarizesAndEndsWithTheSignal) {
  const PythonListener listener(20);
  for (const int signal : {SIGINT, SIGTERM}) {
    Process watch({TCPBACKLOG_PROGRAM, "watch", listener.port, "--interval", "1h"});
    EXPECT_TRUE(
        watch.read_output_until([](const std::string& text) { return contains(text, "queue 8 of 7"); }));
    watch.signal(signal);
    EXPECT_TRUE(
        watch.read_output_until([](const std::string& text) { return contains(text, " dropped\n"); }));
    EXPECT_TRUE(contains(watch.output(), ": 1 sample in ")) << watch.output();
    EXPECT_TRUE(contains(watch.output(), "fullest queue 8 of 7, 0 dropped\n")) << watch.output();
    EXPECT_EQ(watch.wait(), -signal);
  }
}

TEST_F(Tcpbacklog, WatchSleepsWhileItsReaderIsStopped) {
  const PythonListener listener(0);
  const StalledReader reader;
  Process watch({TCPBACKLOG_PROGRAM, "watch", listener.port, "--interval", "10ms"},
                {.output_fd = reader.fd()});
  const auto wakeups = [&] { return std::stoi(read_proc_status(watch.pid(), "voluntary_ctxt_switches")); };
  EXPECT_TRUE(eventually(
      [&] {
        const auto before = wakeups();
        std::this_thread::sleep_for(300ms);
        return wakeups() - before < 5;
      },
      5s));
  watch.signal(SIGINT);
  EXPECT_EQ(watch.wait(), -SIGINT);
}

// No word may be broken: a line of this width continues in the next row of the terminal.
TEST_F(Tcpbacklog, OutputFitsTheTerminal) {
  const std::vector<std::vector<std::string>> calls{
      {"probe", "--from", "4096", "--to", "4097"},
      {"probe", "--to", "1"},
      {"size", "--rate", "1000", "--burst", "30000", "--accept-time", "0.8ms"},
      {"size", "--rate", "10000", "--accept-time", "0.8ms"}};
  for (const unsigned short columns : std::array<unsigned short, 2>{80, 120}) {
    for (auto words : calls) {
      words.insert(words.begin(), TCPBACKLOG_PROGRAM);
      Terminal terminal(words, {columns, 24});
      terminal.read_all();
      EXPECT_EQ(terminal.process().wait(), 0);
      std::istringstream lines(terminal.shown());
      for (std::string line; std::getline(lines, line, '\n');) EXPECT_LE(line.size(), columns) << line;
    }
  }
}

TEST_F(Tcpbacklog, WatchReportsAShortageOfDescriptors) {
  if (TCPSERVER_TEST_SANITIZED) GTEST_SKIP() << "strace and the leak check exclude each other";
  if (find_command("strace").empty()) GTEST_SKIP() << "strace is not installed";
  const PythonListener listener(0);
  const auto watch_with = [&listener](const std::string& error) {
    return run({"strace", "-qq", "-o", "/dev/null", "-e", "trace=socket", "-e",
                "inject=socket:error=" + error, TCPBACKLOG_PROGRAM, "watch", listener.port, "--count", "1"});
  };
  const auto short_of = watch_with("ENFILE");
  EXPECT_EQ(short_of.ending, 71);
  EXPECT_TRUE(contains(short_of.errors, "Too many open files in system"));
  // Without sock_diag, watch reads the tables of /proc.
  const auto without = watch_with("EPROTONOSUPPORT");
  EXPECT_EQ(without.ending, 0) << without.errors;
  EXPECT_TRUE(contains(without.output, "queue 0 of ? "));
}

TEST_F(Tcpbacklog, SizeCalculatesTheExampleOfTheManual) {
  const std::vector<std::string> words{"size", "--rate", "1000", "--burst", "3000", "--accept-time", "0.8ms"};
  const auto result = tcpbacklog(words);
  EXPECT_EQ(result.ending, 0);
  EXPECT_TRUE(contains(result.output, "\nbacklog         2625\n"));
  auto in_json = words;
  in_json.emplace_back("--json");
  const Json json(tcpbacklog(in_json).output);
  EXPECT_EQ(json.values("backlog carried"), "2625 true");
  EXPECT_NEAR(json.number("capacity_per_s"), 1250, 1e-6);
  EXPECT_NEAR(json.number("empty_after_s"), 7, 1e-6);
}

TEST_F(Tcpbacklog, SizeMeasuresTheAcceptTimeOfARunningServer) {
  for (const char* mode : {"fork", "iterative"}) {
    ServerProcess server({"--mode", mode, "--bind", "127.0.0.1"});
    const auto result =
        tcpbacklog({"size", "--rate", "1", "--json", "--measure", std::to_string(server.port())});
    EXPECT_EQ(result.ending, 0) << result.errors;
    const Json json(result.output);
    EXPECT_GT(json.number("accept_time_s"), 1e-7);
    EXPECT_LT(json.number("accept_time_s"), 1);
    EXPECT_EQ(server.stop(), 0);
    EXPECT_TRUE(server.logged_nothing_unusual() || std::string(mode) == "iterative") << server.log();
    const auto made = json.values("measured.connections");
    EXPECT_TRUE(contains(server.last_line(), " " + made + " accepted; sessions ended: " + made + " closed"));
  }
}

TEST_F(Tcpbacklog, SizeReportsAServerThatNeverAccepts) {
  const PythonListener listener(3);
  const auto result = tcpbacklog({"size", "--rate", "1", "--measure", listener.port});
  EXPECT_EQ(result.ending, 75);
  EXPECT_TRUE(contains(result.errors, "does not empty"));
}

// A sleep takes at least the requested time, and longer on a busy machine.
TEST_F(Tcpbacklog, SizeMeasuresWithShortQueues) {
  for (const char* backlog : {"0", "1", "5", "100"}) {
    const PythonServer slow(std::string("BACKLOG, CLIENTS = ") + backlog + ", 0" + listening +
                            "while True: c, _ = s.accept(); time.sleep(0.02); c.close()");
    const auto result = tcpbacklog({"size", "--rate", "1", "--json", "--measure", slow.port});
    EXPECT_EQ(result.ending, 0) << result.errors;
    const Json json(result.output);
    EXPECT_GT(json.number("accept_time_s"), 0.019) << "backlog " << backlog;
    EXPECT_LT(json.number("accept_time_s"), 1) << "backlog " << backlog;
    EXPECT_EQ(json.values("measured.at_most"), "false") << "backlog " << backlog;
  }
}

TEST_F(Tcpbacklog, SizeDetectsAServerThatAcceptsInBatches) {
  const PythonServer bursty(std::string("BACKLOG, CLIENTS = 128, 0") + listening + R"(
while True:
    time.sleep(0.2)
    s.setblocking(False)
    try:
        while True: s.accept()[0].close()
    except BlockingIOError: pass
)");
  const auto result = tcpbacklog({"size", "--rate", "1", "--json", "--measure", bursty.port});
  EXPECT_EQ(result.ending, 0) << result.errors;
  // 128 or more in 0.2 s take at most 1.6 ms each; batches of two from a short queue would appear to take 100
  // ms.
  const Json json(result.output);
  EXPECT_EQ(json.values("measured.in_bursts"), "true");
  EXPECT_GT(json.number("accept_time_s"), 0.0002);
  EXPECT_LT(json.number("accept_time_s"), 0.03);
}

TEST_F(Tcpbacklog, ReportsOutputThatCannotBeWritten) {
  for (const auto& [call, reason] :
       {std::pair{"probe >/dev/full", "No space left on device"},
        {"size --rate 1 --accept-time 1ms >/dev/full", "No space left on device"},
        {"size --rate 1 --accept-time 1ms >&-", "Bad file descriptor"}}) {
    const auto result = run({"sh", "-c", std::string("exec \"$0\" ") + call, TCPBACKLOG_PROGRAM});
    EXPECT_EQ(result.ending, 74);
    EXPECT_TRUE(contains(result.errors, reason)) << call;
  }
}

TEST_F(Tcpbacklog, LeaksNothingUnderValgrind) {
  if (TCPSERVER_TEST_SANITIZED) GTEST_SKIP() << "valgrind and the sanitizers exclude each other";
  if (find_command("valgrind").empty()) GTEST_SKIP() << "valgrind is not installed";
  ServerProcess server({"--bind", "127.0.0.1"});
  const std::string port = std::to_string(server.port());
  const std::vector<std::vector<std::string>> calls{
      {"probe", "--to", "3"},
      {"size", "--rate", "1000", "--burst", "3000", "--accept-time", "1ms"},
      {"size", "--rate", "x"},
      {"--help"},
      {"watch", port, "--count", "3", "--interval", "10ms"},
      {"size", "--rate", "10", "--measure", port}};
  for (auto words : calls) {
    const int expected = words.back() == "x" ? 64 : 0;
    words.insert(words.begin(),
                 {"valgrind", "-q", "--leak-check=full", "--show-leak-kinds=all", "--track-fds=yes",
                  "--errors-for-leak-kinds=all", "--error-exitcode=9", TCPBACKLOG_PROGRAM});
    const auto result = run(words);
    EXPECT_EQ(result.ending, expected) << result.errors;
  }
}

}  // namespace
