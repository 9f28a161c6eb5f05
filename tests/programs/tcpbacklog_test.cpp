#include "harness/client_socket.hpp"
#include "harness/json.hpp"
#include "harness/server_process.hpp"
#include "harness/terminal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

namespace {

using namespace harness;

Finished tcpbacklog(std::vector<std::string> words) {
  words.insert(words.begin(), TCPBACKLOG_PROGRAM);
  return run(words);
}

// A listener that somebody else wrote: backlog 7, never accepts, and calls itself by so many clients.
class PythonListener {
 public:
  explicit PythonListener(int clients)
      : process_({"python3", "-c",
                  "import socket, sys, time\n"
                  "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(7)\n"
                  "cs = []\n"
                  "for i in range(" +
                      std::to_string(clients) +
                      "):\n"
                      "    c = socket.socket(); c.setblocking(False); c.connect_ex(s.getsockname()); "
                      "cs.append(c)\n"
                      "print(s.getsockname()[1], flush=True)\n"
                      "time.sleep(600)\n"}) {
    EXPECT_TRUE(process_.read_output_until([](const std::string& text) { return text.ends_with('\n'); }));
    port = process_.output().substr(0, process_.output().find('\n'));
  }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  std::string port;

 private:
  Process process_;
};

class Tcpbacklog : public ::testing::Test {
 protected:
  void SetUp() override {
    if (find_command("python3").empty()) GTEST_SKIP() << "python3 is not installed";
  }
};

// Of what looks at the listeners of other programs.
class TcpbacklogSees : public Tcpbacklog {
 protected:
  void SetUp() override {
    if (!TCPSERVER_TEST_LINUX) {
      GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: other listeners are not seen";
    }
    Tcpbacklog::SetUp();
  }
};

TEST_F(Tcpbacklog, ProbePrintsATableAndWhatAClientMeets) {
  const auto result = tcpbacklog({"probe", "--to", "2"});
  EXPECT_EQ(result.ending, 0);
  EXPECT_EQ(result.errors, "");
  EXPECT_NE(result.output.find("backlog   queued here   BSD   Solaris 2.2   3/2 n + 1\n"), std::string::npos);
  EXPECT_NE(result.output.find("with the same result"), std::string::npos);
  EXPECT_NE(result.output.find("gets no RST"), std::string::npos);
  if (TCPSERVER_TEST_LINUX) {
    EXPECT_NE(result.output.find("\n      2             3     4             2           4\n"),
              std::string::npos);
  }
}

TEST_F(Tcpbacklog, ProbeInJson) {
  const auto result = tcpbacklog({"probe", "--from", "5", "--to", "6", "--json"});
  EXPECT_EQ(result.ending, 0);
  EXPECT_EQ(by_python(result.output, "[(r['backlog'], r['bsd'], r['solaris']) for r in d['rows']]"),
            "[(5, 8, 5), (6, None, None)]\n");
  EXPECT_EQ(by_python(result.output, "all(r['queued'] == r['counted_otherwise'] for r in d['rows'])"),
            "True\n");
  EXPECT_EQ(by_python(result.output, "'release' if __import__('os').uname().release in d['kernel'] else d"),
            "release\n");
  EXPECT_EQ(by_python(result.output, "d['full_queue']['error'], d['full_queue']['got_in']"), "None True\n");
}

TEST_F(Tcpbacklog, ProbeSaysWhereDescriptorsRunOut) {
  const auto result =
      run({"bash", "-c", "ulimit -n 20; exec \"$0\" probe --from 30 --to 30", TCPBACKLOG_PROGRAM});
  EXPECT_EQ(result.ending, 71);
  EXPECT_EQ(
      result.errors,
      "tcpbacklog: cannot fill the queue, each connection takes a descriptor (ulimit -n): Too many open "
      "files\n");
}

TEST_F(TcpbacklogSees, WatchShowsTheQueueOfAnotherProgram) {
  const PythonListener listener(20);
  Process watch({TCPBACKLOG_PROGRAM, "watch", listener.port, "--interval", "100ms"});
  const std::string queue =
      "  127.0.0.1:" + listener.port + "  queue 8 of 7 [####################] longest 8, dropped here +";
  // Twelve clients send their SYNs again, after one second and after more.
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

TEST_F(TcpbacklogSees, WatchInJson) {
  const PythonListener listener(5);
  const auto result = tcpbacklog({"watch", listener.port, "--json", "--count", "1"});
  EXPECT_EQ(
      by_python(result.output, "(d['listeners'][0]['queue'], d['listeners'][0]['limit'], d['syn_queue'])"),
      "(5, 7, 0)\n");
}

// In a network namespace of its own, twenty SYNs come from an address behind a tunnel that answers nothing:
// their handshakes stay half done.
constexpr const char* half_open_script = R"(
import fcntl, os, socket, struct, subprocess, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"t0", IFF_TUN | IFF_NO_PI))
subprocess.run("ip addr add 10.0.0.1/24 dev t0 && ip link set t0 up", shell=True, check=True)

def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)

def syn(source_port, port):
    source, target = socket.inet_aton("10.0.0.2"), socket.inet_aton("10.0.0.1")
    tcp = struct.pack("!HHIIBBHHH", source_port, port, 1, 0, 0x50, 0x02, 1000, 0, 0)
    tcp = tcp[:16] + checksum(source + target + struct.pack("!HH", 6, len(tcp)) + tcp) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + source + target
    return ip[:10] + checksum(ip) + ip[12:] + tcp

listener = socket.socket()
listener.bind(("10.0.0.1", 0))
listener.listen(50)
port = listener.getsockname()[1]
for i in range(20):
    os.write(tun, syn(2000 + i, port))
subprocess.run([sys.argv[1], "watch", str(port), "--count", "1", "--json"], check=True)
)";

TEST_F(TcpbacklogSees, WatchSeesTheSynQueue) {
  if (find_command("ip").empty()) GTEST_SKIP() << "ip is not installed";
  if (::access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "there is no /dev/net/tun for us";
  if (run({"unshare", "-n", "true"}).ending != 0) GTEST_SKIP() << "no network namespace can be made here";
  const auto result = run({"unshare", "-n", "python3", "-c", half_open_script, TCPBACKLOG_PROGRAM});
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_EQ(by_python(result.output, "(d['syn_queue'], d['listeners'][0]['queue'])"), "(20, 0)\n");
}

TEST_F(TcpbacklogSees, WatchGoesOnWhenTheServerGoes) {
  auto listener = std::make_unique<PythonListener>(0);
  Process watch({TCPBACKLOG_PROGRAM, "watch", listener->port, "--interval", "10ms"});
  ASSERT_TRUE(watch.read_output_until(
      [](const std::string& text) { return text.find("of 7") != std::string::npos; }));
  listener.reset();
  EXPECT_TRUE(watch.read_output_until(
      [](const std::string& text) { return text.find("nobody listens here now") != std::string::npos; }));
  EXPECT_TRUE(watch.running());
}

TEST_F(TcpbacklogSees, WatchDrawsOnATerminal) {
  const PythonListener listener(8);
  Terminal terminal({TCPBACKLOG_PROGRAM, "watch", listener.port, "--interval", "50ms", "--count", "3"});
  EXPECT_TRUE(terminal.shows("queue 8 of 7 [####################]")) << terminal.shown();
  EXPECT_TRUE(terminal.shows("\x1b[5A")) << "drawn over: " << terminal.shown();
  EXPECT_TRUE(terminal.shows("  ###\x1b[K")) << "three looks at a full queue: " << terminal.shown();
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(Tcpbacklog, WatchOfAPortWithoutAListenerIsAnError) {
  std::string free_port;
  {
    ServerProcess server;
    free_port = std::to_string(server.port());
  }
  const auto result = tcpbacklog({"watch", free_port});
  EXPECT_EQ(result.ending, 69);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.errors, "tcpbacklog: nobody listens on port " + free_port +
                               " of this machine (of this network namespace), as far as can be seen\n");
}

TEST_F(TcpbacklogSees, WatchTellsAShortageFromAnEmptyPort) {
  if (TCPSERVER_TEST_SANITIZED)
    GTEST_SKIP() << "strace and the address sanitizer's leak check exclude each other";
  if (find_command("strace").empty()) GTEST_SKIP() << "strace is not installed";
  const PythonListener listener(0);
  const auto watch_with = [&listener](const std::string& error) {
    return run({"strace", "-qq", "-o", "/dev/null", "-e", "trace=socket", "-e",
                "inject=socket:error=" + error, TCPBACKLOG_PROGRAM, "watch", listener.port, "--count", "1"});
  };
  const auto short_of = watch_with("ENFILE");
  EXPECT_EQ(short_of.ending, 71);
  EXPECT_EQ(short_of.errors,
            "tcpbacklog: cannot ask the kernel for its listening sockets: Too many open files in system\n");
  // Without sock_diag the tables of /proc tell the rest.
  const auto without = watch_with("EPROTONOSUPPORT");
  EXPECT_EQ(without.ending, 0) << without.errors;
  EXPECT_NE(without.output.find("queue 0 of ? "), std::string::npos) << without.output;
}

TEST_F(Tcpbacklog, SizeOfTheExample) {
  const std::vector<std::string> words{"size", "--rate", "1000", "--burst", "3000", "--accept-time", "0.8ms"};
  const auto result = tcpbacklog(words);
  EXPECT_EQ(result.ending, 0);
  EXPECT_NE(result.output.find("\nbacklog         2625\n"), std::string::npos) << result.output;
  std::ifstream file(std::string(TCPSERVER_TEST_DATA) + "/../README.md");
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  std::istringstream lines(result.output);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("the system")) continue;  // another one may have another limit
    EXPECT_NE(readme.find("\n" + line + "\n"), std::string::npos) << "not in the README: " << line;
  }
  auto in_json = words;
  in_json.emplace_back("--json");
  EXPECT_EQ(
      by_python(tcpbacklog(in_json).output,
                "(d['backlog'], d['carried'], round(d['capacity_per_s']), round(d['empty_after_s'], 6))"),
      "(2625, True, 1250, 7)\n");
}

TEST_F(TcpbacklogSees, SizeMeasuresTheAcceptTimeOfAServerThatRuns) {
  for (const char* mode : {"fork", "iterative"}) {
    ServerProcess server({"--mode", mode, "--bind", "127.0.0.1"});
    const auto result =
        tcpbacklog({"size", "--rate", "1", "--json", "--measure", std::to_string(server.port())});
    EXPECT_EQ(result.ending, 0) << result.errors;
    EXPECT_EQ(by_python(result.output, "1e-7 < d['accept_time_s'] < 1"), "True\n") << result.output;
    EXPECT_EQ(server.stop(), 0);
    EXPECT_TRUE(server.said_nothing_unusual() || std::string(mode) == "iterative")
        << server.process().errors();
    auto made = by_python(result.output, "d['measured']['connections']");
    made.pop_back();  // its newline
    EXPECT_NE(
        server.last_line().find(" " + made + " accepted, 0 refused, ended: " + made + " client closed;"),
        std::string::npos)
        << made << ": " << server.last_line();
  }
}

TEST_F(TcpbacklogSees, MeasuringFitsIntoAShortQueue) {
  ServerProcess server({"--backlog", "1", "--bind", "127.0.0.1"});
  const auto result = tcpbacklog({"size", "--rate", "1", "--measure", std::to_string(server.port())});
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_NE(server.status().find("; 0 drops at full queues;"), std::string::npos) << server.last_line();
}

TEST_F(TcpbacklogSees, MeasuringSaysWhenNobodyAccepts) {
  const PythonListener listener(3);
  const auto result = tcpbacklog({"size", "--rate", "1", "--measure", listener.port});
  EXPECT_EQ(result.ending, 75);
  EXPECT_NE(result.errors.find("does not empty"), std::string::npos) << result.errors;
}

// A server that does `turn` again and again, with a backlog.
class SlowServer {
 public:
  SlowServer(const std::string& backlog, const std::string& turn)
      : process_({"python3", "-c",
                  "import socket, time\n"
                  "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(" +
                      backlog +
                      ")\n"
                      "print(s.getsockname()[1], flush=True)\n"
                      "while True:\n" +
                      turn}) {
    EXPECT_TRUE(process_.read_output_until([](const std::string& text) { return text.ends_with('\n'); }));
    port = process_.output().substr(0, process_.output().find('\n'));
  }
  std::string port;

 private:
  Process process_;
};

// A sleep lasts as long as it is asked to, or longer on a busy machine.
TEST_F(TcpbacklogSees, MeasuringIsRightForShortQueuesToo) {
  for (const char* backlog : {"0", "1", "5", "100"}) {
    const SlowServer slow(backlog, "    c, _ = s.accept(); time.sleep(0.02); c.close()\n");
    const auto result = tcpbacklog({"size", "--rate", "1", "--json", "--measure", slow.port});
    EXPECT_EQ(result.ending, 0) << result.errors;
    EXPECT_EQ(by_python(result.output, "0.019 < d['accept_time_s'] < 1 and not d['measured']['at_most']"),
              "True\n")
        << "backlog " << backlog << ": " << result.output;
  }
}

TEST_F(TcpbacklogSees, MeasuringFindsOutAServerThatTakesManyAtATime) {
  const SlowServer bursty("128",
                          "    time.sleep(0.2)\n"
                          "    s.setblocking(False)\n"
                          "    try:\n"
                          "        while True: s.accept()[0].close()\n"
                          "    except BlockingIOError: pass\n");
  const auto result = tcpbacklog({"size", "--rate", "1", "--json", "--measure", bursty.port});
  EXPECT_EQ(result.ending, 0) << result.errors;
  // 128 or more in 0.2 s are up to 1.6 ms each; two at a time from a short queue would look like 100 ms.
  EXPECT_EQ(by_python(result.output, "d['measured']['in_bursts'] and 0.0002 < d['accept_time_s'] < 0.03"),
            "True\n")
      << result.output;
}

TEST_F(Tcpbacklog, ClosedOutputIsAnError) {
  const auto result =
      run({"bash", "-c", "exec \"$0\" size --rate 1 --accept-time 1 >&-", TCPBACKLOG_PROGRAM});
  EXPECT_EQ(result.ending, 74);
  EXPECT_EQ(result.errors, "tcpbacklog: cannot write to standard output: Bad file descriptor\n");
}

TEST_F(Tcpbacklog, OutputThatCannotBeWrittenIsAnError) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {TCPBACKLOG_PROGRAM, "probe"},
           {TCPBACKLOG_PROGRAM, "size", "--rate", "1", "--accept-time", "1ms"}}) {
    const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    const auto result = run(words, {.output_fd = full});
    ::close(full);
    EXPECT_EQ(result.ending, 74);
    EXPECT_EQ(result.errors, "tcpbacklog: cannot write to standard output: No space left on device\n");
  }
}

TEST_F(Tcpbacklog, UnderValgrindNothingLeaks) {
  if (TCPSERVER_TEST_SANITIZED) GTEST_SKIP() << "valgrind and the sanitizers exclude each other";
  if (find_command("valgrind").empty()) GTEST_SKIP() << "valgrind is not installed";
  ServerProcess server({"--bind", "127.0.0.1"});
  const std::string port = std::to_string(server.port());
  std::vector<std::vector<std::string>> calls{
      {"probe", "--to", "3"},
      {"size", "--rate", "1000", "--burst", "3000", "--accept-time", "1ms"},
      {"size", "--rate", "x"},
      {"--help"}};
  if (TCPSERVER_TEST_LINUX) {
    calls.push_back({"watch", port, "--count", "3", "--interval", "10ms"});
    calls.push_back({"size", "--rate", "10", "--measure", port});
  }
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
