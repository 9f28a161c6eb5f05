#include "harness/strace.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>

// Each system call of the accept loop and of a child fails, and the next client is served.
namespace {

using namespace harness;
using namespace std::chrono_literals;

class AcceptFault : public Injection, public ::testing::WithParamInterface<const char*> {};

TEST_P(AcceptFault, ServesTheClientAfterwards) {
  for (const char* mode : {"fork", "iterative"}) {
    auto server = start({"--bind", "127.0.0.1", "--mode", mode}, "accept4",
                        std::string("error=") + GetParam() + ":when=1..2");
    EXPECT_TRUE(serves(server)) << "the client stays in the queue";
    EXPECT_TRUE(serves(server));
    EXPECT_EQ(injected(), 2U);
    EXPECT_TRUE(contains(server.status(), "; 2 accept errors"));
    EXPECT_EQ(server.stop(), 0);
  }
}
INSTANTIATE_TEST_SUITE_P(Errors, AcceptFault,
                         ::testing::Values("ECONNABORTED", "EPROTO", "EPERM", "EINTR", "ENETDOWN",
                                           "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP",
                                           "ENETUNREACH", "ETIMEDOUT", "EMFILE", "ENFILE", "ENOBUFS",
                                           "ENOMEM", "EIO", "EINVAL", "EBADF"),
                         [](const auto& parameter) { return std::string(parameter.param); });

class Fault : public Injection {
 protected:
  // Waits for some calls to fail. Then returns how many do per second.
  double failures_per_second() {
    EXPECT_TRUE(eventually([&] { return injected() >= 3; }));
    const auto before = injected();
    const auto begin = Clock::now();
    std::this_thread::sleep_for(400ms);
    return static_cast<double>(injected() - before) /
           std::chrono::duration<double>(Clock::now() - begin).count();
  }
};
using Accept = Fault;
using Fork = Fault;
using Ppoll = Fault;
using Waitpid = Fault;
using ChildSandbox = Fault;
using CloseRange = Fault;
using ReadAndWrite = Fault;

// Makes a bounded number of calls and logs one line per second.
TEST_F(Accept, BacksOffWhileItKeepsFailing) {
  for (const char* error : {"ECONNABORTED", "EMFILE", "ENFILE", "ENOMEM", "EINVAL"}) {
    const char* overload = std::string_view(error) == "EMFILE" ? "refuse" : "queue";
    const auto begin = Clock::now();
    auto server =
        start({"--bind", "127.0.0.1", "--overload", overload}, "accept4", std::string("error=") + error);
    const ClientSocket client(server.port());
    EXPECT_LE(failures_per_second(), 400) << error << ": a spinning server makes tens of thousands";
    const auto seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    EXPECT_LE(static_cast<double>(occurrences(server.log(), "accept: ")), seconds + 1) << error;
    EXPECT_EQ(server.stop(), 0);
  }
}

// For strace's "when": the forks for the first `count` clients; 0 for all clients. Earlier forks test the
// sandbox (both kinds if strict mode is not possible) and small children.
std::string from_first_client(int count = 0) {
  const int first = 2 + (under_seccomp_filter() ? 1 : 0) + (TCPSERVER_TEST_SMALL_CHILDREN ? 1 : 0);
  return std::to_string(first) + (count == 0 ? "+" : ".." + std::to_string(first + count - 1));
}

TEST_F(Fork, ResetsOnlyThatClientIfItFails) {
  for (const char* error : {"EAGAIN", "ENOMEM"}) {
    const TemporaryDirectory recordings;
    auto server = start({"--max-connections", "2", "--record", recordings.path()}, "clone,fork,vfork",
                        std::string("error=") + error + ":when=" + from_first_client(3));
    for (int i = 0; i < 3; ++i) {
      ClientSocket unlucky(server.port());
      EXPECT_TRUE(unlucky.is_reset()) << "a normal close would look like an answer";
    }
    EXPECT_TRUE(std::filesystem::is_empty(recordings.path())) << "no recording was begun";
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(serves(server)) << "no slot is lost";
    EXPECT_EQ(injected(), 3U);
    EXPECT_TRUE(server.status_shows("0 of 2 sessions open, 7 accepted, 3 refused"));
  }
}

// Clients stay queued, and are not all reset as fast as they can be accepted.
TEST_F(Fork, BacksOffWhileItKeepsFailing) {
  auto server =
      start({"--bind", "127.0.0.1"}, "clone,fork,vfork", "error=EAGAIN:when=" + from_first_client());
  std::vector<ClientSocket> clients;
  for (int i = 0; i < 60; ++i) clients.emplace_back(server.port());
  EXPECT_LE(failures_per_second(), 15) << "it backs off for 0.1 s";
}

TEST_F(Ppoll, BacksOffIfItFails) {
  for (const char* error : {"ENOMEM", "EINVAL"}) {
    auto server = start({}, "ppoll", std::string("error=") + error + ":when=1..4");
    EXPECT_TRUE(serves(server)) << error;
    EXPECT_TRUE(serves(server)) << error;
    EXPECT_EQ(injected(), 4U);
    EXPECT_EQ(server.stop(), 0);
  }
}

// The server serves no clients then, but it handles signals and uses no CPU.
TEST_F(Ppoll, HandlesAStopWhileItKeepsFailing) {
  for (const char* mode : {"fork", "iterative"}) {
    auto server = start({"--mode", mode}, "ppoll", "error=ENOMEM");
    EXPECT_LE(failures_per_second(), 15) << mode;
    EXPECT_EQ(server.stop(), 0);
  }
}

TEST_F(Waitpid, LeavesNoZombieIfInterrupted) {
  // The first call waits for the test child, the second for inherited children.
  auto server = start({}, "wait4,waitid", "error=EINTR:when=3..4");
  EXPECT_TRUE(serves(server));
  EXPECT_TRUE(eventually([&] { return find_children(server.pid()).empty(); }));
  EXPECT_EQ(injected(), 2U);
}

TEST_F(ChildSandbox, DoesNotServeIfItCannotBeEntered) {
  // The first prctl of a child sets its parent-death signal; the test child makes no second one. A plain
  // child tries a filter, then strict mode.
  const bool plain = !TCPSERVER_TEST_SMALL_CHILDREN;
  auto server = start({}, "prctl", plain ? "error=EPERM:when=2..3" : "error=EPERM:when=2", {"-f"});
  EXPECT_THROW(static_cast<void>(open_session(server)), std::runtime_error);
  EXPECT_TRUE(server.says("): could not enter the sandbox")) << server.log();
  EXPECT_TRUE(contains(server.status(), "ended: 1 sandbox refused;"));
  // The calls of the child, and those of the server, which set no_new_privs again.
  EXPECT_GE(injected(), plain ? 3U : 2U);
}

TEST_F(CloseRange, ChildrenCloseDescriptorsIfItFails) {
  const TemporaryDirectory directory;
  for (const bool records : {false, true}) {
    std::vector<std::string> options{"--bind", "127.0.0.1,127.0.0.2"};
    if (records) options.insert(options.end(), {"--record", directory.path()});
    ServerProcess server(options, without_leak_check(), failing("close_range", "error=ENOSYS", {"-f"}));
    auto client = open_session(server);
    EXPECT_EQ(count_descriptors(find_child(server)), records ? 2U : 1U);
    EXPECT_GE(injected(), 1U);
  }
}

// Every other read and write of a session is interrupted. The sandbox is off, because it forbids the call
// that strace makes instead.
TEST_F(ReadAndWrite, LoseNoByteIfInterrupted) {
  ServerProcess server({"--sandbox", "off"});
  auto client = open_session(server);
  const auto child = find_child(server);
  Process strace({"strace", "-o", log_path(), "-p", std::to_string(child), "-e", "trace=read,write", "-e",
                  "inject=read,write:error=EINTR:when=1+2"});
  ASSERT_TRUE(strace.says("attached")) << strace.errors();
  const auto bytes = varied_bytes(3'000'000);
  EXPECT_TRUE(echo_through(client, bytes) == bytes);
  strace.wait();
  EXPECT_GE(injected(), 10U);
  EXPECT_TRUE(server.status_shows("ended: 1 closed by client;"));
}

// Another process with the same socket shuts it down. From then on accept fails with EINVAL.
TEST(LostListener, IsClosedAndOthersContinue) {
  const TextFile file("backlog = 7\n");
  ServerProcess server(
      {"--bind", "127.0.0.1", "--bind", "127.0.0.2", "--drain-timeout", "1h", "--config", file.path()});
  const auto copies = copy_listeners(server.pid());
  if (copies.size() != 2) GTEST_SKIP() << "cannot copy the server's sockets";
  ClientSocket session(server.port(), AF_INET, "127.0.0.2");
  ASSERT_TRUE(echoes(session));

  ASSERT_EQ(::shutdown(copies[0], SHUT_RD), 0);
  ASSERT_TRUE(server.says(" failed: accept: Invalid argument; other listeners continue\n"));
  const auto before = cpu_time(server.pid());
  std::this_thread::sleep_for(400ms);
  EXPECT_LE((cpu_time(server.pid()) - before).count(), 20) << "ms of 400 ms";
  ClientSocket other(server.port(), AF_INET, "127.0.0.2");
  EXPECT_EQ(echo_through(other, "still"), "still");
  // listen(2) on the failed listener would let it queue clients that are never accepted.
  ASSERT_TRUE(server.reload(file, "backlog = 9\n", "listen queue: 7 -> 9 "));
  EXPECT_FALSE(ClientSocket(server.port(), AF_INET, "127.0.0.1").connected());

  ASSERT_EQ(::shutdown(copies[1], SHUT_RD), 0);
  ASSERT_TRUE(server.says("accept: Invalid argument; no listener left\n"));
  EXPECT_EQ(echo_through(session, "to its end"), "to its end");
  EXPECT_EQ(server.wait(), 71);
  for (const int copy : copies) ::close(copy);
}

// A write beyond the limit raises SIGXFSZ, which would end the server. A full disk is the other case.
TEST(LogAtItsSizeLimit, DoesNotEndTheServer) {
  const TextFile log;
  for (const auto& path : {log.path(), std::string("/dev/full")}) {
    ServerProcess server({"-v"}, {}, {"/bin/sh", "-c", "ulimit -f 1; exec \"$0\" \"$@\" 2>>" + path});
    for (int i = 0; i < 60; ++i) ASSERT_TRUE(serves(server)) << i;
    EXPECT_EQ(server.stop(), 0);
  }
}

}  // namespace
