#include "harness/client_socket.hpp"
#include "harness/figure.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/strace.hpp"
#include "harness/text_file.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <memory>
#include <thread>

// Each system call of the steady state fails, and the next client is served.
namespace {

using namespace harness;

bool is_served(const ServerProcess& server) {
  ClientSocket client(server.port());
  return echo_through(client, "served") == "served";
}

class AcceptFault : public Injection, public ::testing::WithParamInterface<const char*> {};

TEST_P(AcceptFault, IsSurvivedAndTheClientServed) {
  for (const char* mode : {"fork", "iterative"}) {
    ServerProcess server({"--bind", "127.0.0.1", "--mode", mode}, no_search_for_leaks(),
                         failing("accept4", std::string("error=") + GetParam() + ":when=1..2"));
    EXPECT_TRUE(is_served(server)) << "the very client whose accept failed: it stays in the queue";
    EXPECT_TRUE(is_served(server));
    EXPECT_EQ(injected(), 2U);
    EXPECT_NE(server.status().find("; 0 failed forks, 2 accept errors;"), std::string::npos)
        << server.last_line();
    EXPECT_EQ(server.stop(), 0);
  }
}
INSTANTIATE_TEST_SUITE_P(Errors, AcceptFault,
                         ::testing::Values("ECONNABORTED", "EPROTO", "EPERM", "EINTR", "ENETDOWN",
                                           "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP",
                                           "ENETUNREACH", "ETIMEDOUT", "EMFILE", "ENFILE", "ENOBUFS",
                                           "ENOMEM", "EIO", "EINVAL", "EBADF"),
                         [](const auto& parameter) { return std::string(parameter.param); });

using Fault = Injection;

// However long it fails, and in whatever way: a bounded number of calls, and one line a second.
TEST_F(Fault, OfAcceptThatStaysIsWaitedOut) {
  for (const char* error : {"ECONNABORTED", "EMFILE", "ENFILE", "ENOMEM", "EINVAL"}) {
    const char* overload = std::string_view(error) == "EMFILE" ? "refuse" : "queue";
    ServerProcess server({"--bind", "127.0.0.1", "--overload", overload}, no_search_for_leaks(),
                         failing("accept4", std::string("error=") + error));
    const ClientSocket client(server.port());
    const auto begin = Clock::now();
    ASSERT_TRUE(eventually([&] { return injected() >= 3; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    const auto calls = injected();
    const auto seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    EXPECT_LE(static_cast<double>(calls), 400 * seconds)
        << error << ": a spinning server makes tens of thousands";
    EXPECT_LE(static_cast<double>(occurrences(server.process().errors(), "cannot accept: ")), seconds + 1)
        << error;
    EXPECT_EQ(server.stop(), 0);
  }
}

// For strace's "when": the forks for so many clients from the first on; 0: for all of them. The forks before
// try the sandboxes, at start-up: one of the two, or, where that cannot be, both; and small children, by a
// call that strace counts apart: before the rest is hidden from them, and after.
std::string from_first_client(int count = 0) {
  const int first = !TCPSERVER_TEST_LINUX                                     ? 1
                    : under_seccomp_filter() || TCPSERVER_TEST_SMALL_CHILDREN ? 3
                                                                              : 2;
  return std::to_string(first) + (count == 0 ? "+" : ".." + std::to_string(first + count - 1));
}

TEST_F(Fault, OfForkCostsThatClientAlone) {
  for (const char* error : {"EAGAIN", "ENOMEM"}) {
    ServerProcess server(
        {"--max-connections", "2"}, no_search_for_leaks(),
        failing("clone,clone3,fork,vfork", std::string("error=") + error + ":when=" + from_first_client(3)));
    for (int i = 0; i < 3; ++i) {
      ClientSocket unlucky(server.port());
      EXPECT_TRUE(unlucky.is_reset()) << "an orderly end would look like an answer";
    }
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(is_served(server)) << "no place is lost: there are but two";
    EXPECT_EQ(injected(), 3U);
    EXPECT_TRUE(eventually([&] {
      return server.status().starts_with("0 of 2 sessions open, 7 accepted, 3 refused");
    })) << server.last_line();
  }
}

// While it lasts, clients wait for it to end, and are not all reset as fast as they can be accepted.
TEST_F(Fault, OfForkThatStaysIsRestedFrom) {
  ServerProcess server({"--bind", "127.0.0.1"}, no_search_for_leaks(),
                       failing("clone,clone3,fork,vfork", "error=EAGAIN:when=" + from_first_client()));
  const auto begin = Clock::now();
  std::vector<ClientSocket> clients;
  for (int i = 0; i < 60; ++i) clients.emplace_back(server.port());
  ASSERT_TRUE(eventually([&] { return injected() >= 3; }));
  const auto tenths = std::chrono::duration<double>(Clock::now() - begin).count() * 10;
  EXPECT_LE(static_cast<double>(injected()), tenths + 2);
}

TEST_F(Fault, OfPpollIsRestedFrom) {
  for (const char* error : {"ENOMEM", "EINVAL"}) {
    ServerProcess server({}, no_search_for_leaks(),
                         failing("ppoll", std::string("error=") + error + ":when=2..5"));
    EXPECT_TRUE(is_served(server)) << error;
    EXPECT_TRUE(is_served(server)) << error;
    EXPECT_EQ(injected(), 4U);
    EXPECT_NE(server.process().errors().find("cannot wait for clients: "), std::string::npos);
    EXPECT_EQ(server.stop(), 0);
  }
}

// Nobody can be served by a server that cannot wait, but it hears signals and uses no processor.
TEST_F(Fault, OfPpollForEverDoesNotSpinAndHearsAStop) {
  for (const char* mode : {"fork", "iterative"}) {
    // The first is the announcement's.
    ServerProcess server({"--mode", mode}, no_search_for_leaks(), failing("ppoll", "error=ENOMEM:when=2+"));
    ASSERT_TRUE(eventually([&] { return injected() >= 3; }));
    const auto before = injected();
    const auto begin = Clock::now();
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const auto tenths = std::chrono::duration<double>(Clock::now() - begin).count() * 10;
    EXPECT_LE(static_cast<double>(injected() - before), tenths + 3);
    EXPECT_EQ(server.stop(), 0);
  }
}

TEST_F(Fault, OfWaitpidLeavesNoZombie) {
  // The first waits for the child of the start-up, the second looks for others from before.
  ServerProcess server({}, no_search_for_leaks(), failing("wait4,waitid", "error=EINTR:when=3..4"));
  EXPECT_TRUE(is_served(server));
  EXPECT_TRUE(eventually([&] { return children_of(server.pid()).empty(); }));
  EXPECT_EQ(injected(), 2U);
}

TEST_F(Fault, OfTheSandboxInAChildServesNobodyUnprotected) {
  if (!TCPSERVER_TEST_LINUX) GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: no sandbox";
  // Each child's first is its tie to the parent; the one that tried it at start-up has no second. A plain
  // child tries a filter, then strict mode.
  const bool plain = !TCPSERVER_TEST_SMALL_CHILDREN;
  ServerProcess server({}, no_search_for_leaks(),
                       failing("prctl", plain ? "error=EPERM:when=2..3" : "error=EPERM:when=2", {"-f"}));
  ClientSocket client(server.port());
  ASSERT_TRUE(client.send("x"));
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(server.process().read_errors_until([](const std::string& text) {
    return text.find(") could not enter its sandbox and served nobody\n") != std::string::npos;
  })) << server.process().errors();
  EXPECT_NE(server.status().find("ended: 1 sandbox refused;"), std::string::npos) << server.last_line();
  EXPECT_EQ(injected(), plain ? 3U : 2U)
      << "and the server's own second, which asks for no_new_privs once more";
}

TEST_F(Fault, OfCloseRangeLeavesNoDescriptorToAChild) {
  if (!TCPSERVER_TEST_LINUX) GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: close_range is not used";
  ServerProcess server({"--bind", "127.0.0.1,127.0.0.2"}, no_search_for_leaks(),
                       failing("close_range", "error=ENOSYS", {"-f"}));
  ClientSocket client(server.port());
  ASSERT_TRUE(client.send("x"));
  ASSERT_EQ(client.receive(1), "x");
  EXPECT_EQ(descriptors_of(children_of(server.pid()).at(0).pid), 1U);
  EXPECT_GE(injected(), 1U);
}

// Every other read and write of a live session is interrupted. Without the sandbox, in which strace's way to
// make a call fail is a forbidden call.
TEST_F(Fault, OfReadAndWriteByASignalLosesNoByte) {
  ServerProcess server({"--sandbox", "off"});
  ClientSocket client(server.port());
  ASSERT_TRUE(client.send("x"));
  ASSERT_EQ(client.receive(1), "x");
  const auto child = children_of(server.pid()).at(0).pid;
  Process strace({"strace", "-o", log_path(), "-p", std::to_string(child), "-e", "trace=read,write", "-e",
                  "inject=read,write:error=EINTR:when=1+2"});
  ASSERT_TRUE(strace.read_errors_until([](const std::string& text) {
    return text.find("attached") != std::string::npos;
  })) << strace.errors();
  const auto bytes = varied_bytes(3'000'000);
  EXPECT_TRUE(echo_through(client, bytes) == bytes);
  strace.wait();
  EXPECT_GE(injected(), 10U);
  EXPECT_TRUE(eventually([&] {
    return server.status().find("ended: 1 client closed;") != std::string::npos;
  })) << server.last_line();
}

// Somebody who has the same socket shuts it down: accept fails with EINVAL for ever.
TEST(LostListener, IsGivenUpAndTheOthersGoOn) {
  if (!TCPSERVER_TEST_LINUX) GTEST_SKIP() << "needs pidfd_getfd, to reach the server's sockets";
  const TextFile file("backlog = 7\n");
  ServerProcess server(
      {"--bind", "127.0.0.1", "--bind", "127.0.0.2", "--drain-timeout", "1h", "--config", file.path()});
  const auto copies = copies_of_listeners(server.pid());
  if (copies.size() != 2) GTEST_SKIP() << "the server's sockets cannot be had here";
  ClientSocket session(server.port(), AF_INET, "127.0.0.2");
  ASSERT_TRUE(session.send("x"));
  ASSERT_EQ(session.receive(1), "x");

  ASSERT_EQ(::shutdown(copies[0], SHUT_RD), 0);
  ASSERT_TRUE(server.process().read_errors_until([](const std::string& text) {
    return text.find(" listens no more: accept: Invalid argument; the others go on\n") != std::string::npos;
  })) << server.process().errors();
  const auto before = processor_time_of(server.pid());
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_LE((processor_time_of(server.pid()) - before).count(), 50) << "of a second";
  ClientSocket other(server.port(), AF_INET, "127.0.0.2");
  EXPECT_EQ(echo_through(other, "still"), "still");
  // A listen(2) on the lost one would have it take clients whom nobody accepts.
  file.write("backlog = 9\n");
  server.process().signal(SIGHUP);
  ASSERT_TRUE(server.process().read_errors_until(
      [](const std::string& text) { return text.find("in effect 9") != std::string::npos; }));
  EXPECT_FALSE(ClientSocket(server.port(), AF_INET, "127.0.0.1").connected());

  ASSERT_EQ(::shutdown(copies[1], SHUT_RD), 0);
  ASSERT_TRUE(server.process().read_errors_until([](const std::string& text) {
    return text.find("accept: Invalid argument; there is none left\n") != std::string::npos;
  }));
  EXPECT_EQ(echo_through(session, "to its end"), "to its end");
  EXPECT_EQ(server.process().wait(), 71) << "a supervisor should start another";
  for (const int copy : copies) ::close(copy);
}

// What a limit on a log file's size does to whoever writes: SIGXFSZ, which would end the server.
TEST(LogAtItsSizeLimit, DoesNotEndTheServer) {
  const TextFile log;
  ServerProcess server({"-v"}, {}, {"/bin/sh", "-c", "ulimit -f 1; exec \"$0\" \"$@\" 2>>" + log.path()});
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(is_served(server)) << i;
  EXPECT_EQ(server.stop(), 0);
}

}  // namespace
