#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"
#include "harness/text_file.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace {

using namespace harness;
using namespace std::chrono_literals;

// Listens as a service manager does (sd_notify(3)).
class Notified : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const bool abstract = std::string(GetParam()) == "abstract";
    name_ = (abstract ? "@" : "/tmp/") + ("tcpserver_test." + std::to_string(::getpid()));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name_.copy(address.sun_path, sizeof address.sun_path - 1);
    if (abstract) address.sun_path[0] = '\0';
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    ASSERT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0);
  }
  ~Notified() override {
    if (fd_ >= 0) ::close(fd_);
    if (name_.starts_with('/')) ::unlink(name_.c_str());
  }
  std::vector<std::string> environment(std::vector<std::string> more = {}) const {
    more.push_back("NOTIFY_SOCKET=" + name_);
    return more;
  }
  // Empty: nothing came within the limit.
  std::string next(std::chrono::milliseconds limit = patience) {
    pollfd polled{.fd = fd_, .events = POLLIN, .revents = 0};
    std::array<char, 4096> text{};
    if (::poll(&polled, 1, static_cast<int>(limit.count())) != 1) return "";
    const auto size = ::recv(fd_, text.data(), text.size(), 0);
    heard.emplace_back(text.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
    return heard.back();
  }
  // The next that begins so, and is no other status.
  std::string next_with(const std::string& start) {
    for (;;) {
      auto text = next();
      if (text.empty() || text.starts_with(start)) return text;
    }
  }
  [[nodiscard]] auto times_heard(const std::string& start) const {
    return std::count_if(heard.begin(), heard.end(), [&](const auto& one) { return one.starts_with(start); });
  }
  // So many that no further one fits: a manager that is busy.
  void fill() const {
    const int sender = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    socklen_t size = sizeof address;
    ASSERT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    while (::sendto(sender, "X=1", 3, 0, reinterpret_cast<const sockaddr*>(&address), size) == 3) {
    }
    ::close(sender);
  }

  std::vector<std::string> heard;

 private:
  std::string name_;
  int fd_ = -1;
};
INSTANTIATE_TEST_SUITE_P(Socket, Notified, ::testing::Values("path", "abstract"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(Notified, HearsOfTheWholeLife) {
  const TextFile file("max-connections = 3\n");
  ServerProcess server(
      {"--config", file.path(), "--bind", "127.0.0.1", "--backlog", "9", "--drain-timeout", "40s"},
      {.environment = environment()});
  EXPECT_EQ(next(), "READY=1");
  EXPECT_EQ(next(), "STATUS=0 of 3 sessions open, 0 accepted, 0 refused; queue 0 of 9, 0 drops");
  auto client = open_session(server);
  EXPECT_EQ(next_with("STATUS=1"),
            "STATUS=1 of 3 sessions open, 1 accepted, 0 refused; queue 0 of 9, 0 drops");
  file.write("max-connections = 4\n");
  server.process().signal(SIGHUP);
  EXPECT_TRUE(next_with("RELOADING=1\n").starts_with("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_EQ(next_with("READY"), "READY=1");
  EXPECT_EQ(next_with("STATUS=1 of 4"),
            "STATUS=1 of 4 sessions open, 1 accepted, 0 refused; queue 0 of 9, 0 drops");
  file.write("no option\n");
  server.process().signal(SIGHUP);
  EXPECT_TRUE(next_with("RELOADING=1\n").starts_with("RELOADING=1\n"));
  EXPECT_EQ(next_with("READY"), "READY=1") << "a reload that fails ends, too";
  server.process().signal(SIGTERM);
  EXPECT_EQ(next_with("STOPPING"), "STOPPING=1\nEXTEND_TIMEOUT_USEC=55000000");
  EXPECT_TRUE(next_with("STATUS=stopping: 1 of 4").starts_with("STATUS=stopping: 1 of 4 sessions open"));
  client.half_close();
  EXPECT_EQ(server.process().wait(), 0);
  while (!next(0ms).empty()) {
  }
  EXPECT_EQ(times_heard("STOPPING"), 1);
}

// A manager that never learns that the service is ready ends it.
TEST_P(Notified, HearsOfTheStartEventuallyAlthoughItWasBusy) {
  fill();
  ServerProcess server({}, {.environment = environment()});
  EXPECT_EQ(next_with("READY"), "READY=1");
  // In whichever order there was room for them.
  if (times_heard("STATUS") == 0) static_cast<void>(next_with("STATUS"));
  EXPECT_EQ(times_heard("STATUS=0 of 1000 sessions open"), 1);
}

TEST_P(Notified, HearsASignOfLifeTwiceInTheWatchdogsTime) {
  ServerProcess server({}, {.environment = environment({"WATCHDOG_USEC=200000"})});
  EXPECT_EQ(next(), "READY=1");
  for (int i = 0; i < 5; ++i) ASSERT_EQ(next_with("WATCHDOG"), "WATCHDOG=1");
  server.process().signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return status_of(server.pid(), "State").starts_with("T"); }));
  while (!next(0ms).empty()) {
  }
  EXPECT_EQ(next(300ms), "") << "one that hangs gives none";
  server.process().signal(SIGCONT);
  EXPECT_EQ(next_with("WATCHDOG"), "WATCHDOG=1");
}

TEST_P(Notified, HearsTheIterativeServerInTheMiddleOfASession) {
  ServerProcess server({"--mode", "iterative"}, {.environment = environment({"WATCHDOG_USEC=200000"})});
  auto client = open_session(server);
  EXPECT_TRUE(
      next_with("STATUS=1 of 1 sessions open").starts_with("STATUS=1 of 1 sessions open, 1 accepted"));
  for (int i = 0; i < 5; ++i) ASSERT_EQ(next_with("WATCHDOG"), "WATCHDOG=1");
}

TEST_P(Notified, HearsNoWatchdogOfAnotherProcess) {
  ServerProcess server({}, {.environment = environment({"WATCHDOG_USEC=100000", "WATCHDOG_PID=1"})});
  EXPECT_EQ(next(), "READY=1");
  while (!next(300ms).empty()) {
  }
  EXPECT_EQ(times_heard("WATCHDOG"), 0);
}

// The status is for people: a second old at most, and a connection has nothing to pay for it.
TEST_P(Notified, HearsAStatusOnceASecondAtMost) {
  ServerProcess server({}, {.environment = environment()});
  const auto start = Clock::now();
  for (int i = 0; i < 300; ++i) {
    ClientSocket client(server.port());
    ASSERT_EQ(echo_through(client, "x"), "x");
    while (!next(0ms).empty()) {
    }
  }
  EXPECT_TRUE(next_with("STATUS=0 of 1000 sessions open, 300 accepted").starts_with("STATUS=0 of 1000"));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start).count();
  EXPECT_LE(times_heard("STATUS"), seconds + 2);
}

TEST(ServiceManager, ThatIsNotThereIsNotMissed) {
  for (const char* name : {"NOTIFY_SOCKET=/nowhere/socket", "NOTIFY_SOCKET=", "NOTIFY_SOCKET=vsock:2:1"}) {
    ServerProcess server({}, {.environment = {name}});
    EXPECT_EQ(server.stop(), 0) << name;
    EXPECT_TRUE(server.said_nothing_unusual()) << server.log();
  }
}

// Hands sockets over as systemd does: `sockets` is Python that makes a list of them.
std::vector<std::string> handing_over(const std::string& sockets, const std::string& pid = "os.getpid()") {
  const std::string script = R"(
import os, socket, sys
T, six, L = socket.socket, socket.AF_INET6, '127.0.0.1'
def tcp(host=L, family=socket.AF_INET, backlog=5, only=0):
    s = T(family); s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only) if family == six else 0
    s.bind((host, 0)); s.listen(backlog) if backlog is not None else 0
    return s
sockets = )" + sockets + R"(
spare = [os.dup(s.fileno()) for s in sockets]
spare = [os.dup2(fd, 100 + i) for i, fd in enumerate(spare)]
for i, fd in enumerate(spare): os.dup2(fd, 3 + i, inheritable=True)
os.closerange(3 + len(spare), 200)
os.environ['LISTEN_FDS'] = str(len(spare)); os.environ['LISTEN_PID'] = str()" +
                             pid + R"()
os.execv(sys.argv[1], sys.argv[1:]))";
  return {"python3", "-c", script, TCPSERVER_PROGRAM};
}

class Inherited : public ::testing::Test {
 protected:
  void SetUp() override {
    if (find_command("python3").empty())
      GTEST_SKIP() << "python3, which hands the sockets over, is not installed";
  }
};

TEST_F(Inherited, SocketIsServed) {
  ServerProcess server({}, {}, handing_over("[tcp()]"));
  ClientSocket client(server.port());
  EXPECT_EQ(echo_through(client, "echo"), "echo");
  EXPECT_NE(server.log().find("the service manager listens on 127.0.0.1:" + std::to_string(server.port()) +
                              ": --port and --bind have no effect\n"),
            std::string::npos)
      << server.log();
  EXPECT_TRUE(contains(server.log(), "backlog 5 in effect"));
  EXPECT_EQ(server.stop(), 0);
}

TEST_F(Inherited, SocketsAreAllServedAndAnnounced) {
  Process server(handing_over("[tcp(), tcp('::1', six), tcp('127.0.0.2')]"));
  ASSERT_TRUE(server.read_output_until([](const std::string& text) { return text.ends_with('\n'); }));
  unsigned ports[3] = {};
  ASSERT_EQ(std::sscanf(server.output().c_str(), "Server is listening on ports %u, %u, %u\n", &ports[0],
                        &ports[1], &ports[2]),
            3)
      << server.output();
  const auto port = [&](int i) { return static_cast<std::uint16_t>(ports[i]); };
  ClientSocket four(port(0));
  ClientSocket six(port(1), AF_INET6);
  ClientSocket other(port(2), AF_INET, "127.0.0.2");
  for (auto* client : {&four, &six, &other}) EXPECT_EQ(echo_through(*client, "echo"), "echo");
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

// A reload that takes our own backlog away gives the service manager's back.
TEST_F(Inherited, SocketHasTheBacklogOfTheServerWhileItHasOne) {
  const TextFile file("backlog = 17\n");
  ServerProcess server({"--config", file.path()}, {}, handing_over("[tcp()]"));
  EXPECT_TRUE(contains(server.status(), "queue 0 of 17 on"));
  file.write("");
  server.process().signal(SIGHUP);
  EXPECT_TRUE(server.says("backlog 5 in effect"));
  EXPECT_TRUE(contains(server.status(), "queue 0 of 5 on"));
}

// One socket for both families, as systemd makes it: the peer is the IPv4 host that it is.
TEST_F(Inherited, SocketOfBothFamiliesKnowsIpv4Peers) {
  ServerProcess server({"-v", "--max-per-host", "1"}, {}, handing_over("[tcp('::', six)]"));
  auto first = open_session(server);
  auto second = ClientSocket::from("127.0.0.2", server.port());
  EXPECT_EQ(echo_through(second, "another host"), "another host");
  EXPECT_TRUE(server.says(" peer=127.0.0.2:"));
  EXPECT_FALSE(contains(server.log(), "ffff:"));
}

// Whoever restarts the server keeps the socket, and with it who waits there.
TEST_F(Inherited, SocketKeepsItsClientsWhenTheServerEnds) {
  const std::string script = R"(
import os, signal, socket, subprocess, sys
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(5); os.dup2(s.fileno(), 3); os.set_inheritable(3, True)
def start():
    def mine(): os.environ['LISTEN_PID'] = str(os.getpid()); os.environ['LISTEN_FDS'] = '1'
    pid = os.fork()
    if pid == 0: mine(); os.execv(sys.argv[1], [sys.argv[1], '--max-connections', '1', '--drain-timeout', '0'])
    return pid
first = start()
a = socket.create_connection(s.getsockname()); a.sendall(b'x'); assert a.recv(1) == b'x'
b = socket.create_connection(s.getsockname()); b.sendall(b'waiting')
os.kill(first, signal.SIGTERM); assert os.waitpid(first, 0)[1] == 0
second = start()
b.settimeout(60); assert b.recv(7) == b'waiting'
os.kill(second, signal.SIGTERM); assert os.waitpid(second, 0)[1] == 0
print('kept')
)";
  const auto result = run({"python3", "-c", script, TCPSERVER_PROGRAM});
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_TRUE(result.output.ends_with("kept\n")) << result.output;
}

TEST_F(Inherited, SocketsOfAnotherProcessAreNotOurs) {
  ServerProcess server({}, {}, handing_over("[tcp()]", "1"));
  EXPECT_FALSE(contains(server.log(), "service manager"));
  ClientSocket client(server.port());
  EXPECT_EQ(echo_through(client, "echo"), "echo") << "it has bound its own";
}

TEST_F(Inherited, ThatIsNoListeningTcpSocketIsRefused) {
  const struct {
    const char* sockets;
    const char* descriptor;
    const char* reason;
  } refused[] = {{"[open('/etc/passwd')]", "3", "no socket"},
                 {"[tcp(), T(socket.AF_INET, socket.SOCK_DGRAM)]", "4", "ListenStream="},
                 {"[tcp(backlog=None)]", "3", "Accept=no"},
                 {"[(lambda s: (s.bind('\\0tcpserver_test.' + str(os.getpid())), s.listen(), s)[2])"
                  "(T(socket.AF_UNIX))]",
                  "3", "no TCP socket"}};
  for (const auto& [sockets, descriptor, reason] : refused) {
    const auto result = run(handing_over(sockets));
    EXPECT_EQ(result.ending, 64) << sockets;
    EXPECT_TRUE(contains(result.errors, std::string("LISTEN_FDS: descriptor ") + descriptor + " "));
    EXPECT_TRUE(contains(result.errors, reason));
  }
}

TEST_F(Inherited, NumberThatIsNoneIsRefused) {
  const auto result = run({"sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=many exec \"$0\"", TCPSERVER_PROGRAM});
  EXPECT_EQ(result.ending, 64);
  EXPECT_TRUE(contains(result.errors, "LISTEN_FDS: 'many'"));
}

}  // namespace
