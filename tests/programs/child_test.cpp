#include "harness/one_session.hpp"

#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

namespace {

using namespace harness;

class Child : public OneSession {
 protected:
  unsigned long signals(const std::string& line) const {
    return std::stoul(status_of(child, line), nullptr, 16);
  }
  static unsigned long bit(int signal) { return 1UL << (signal - 1); }
};

TEST_F(Child, HasItsConnectionAndNoOtherDescriptor) {
  start({"--bind", "127.0.0.1", "--bind", "127.0.0.2"});
  EXPECT_EQ(descriptors_of(child), 1U);
}

// What is meant for its parent, and reaches a whole process group or every process of the name, stays
// blocked.
TEST_F(Child, HasDefaultSignalsAndHearsSigterm) {
  start();
  EXPECT_EQ(signals("SigBlk"), bit(SIGCHLD) | bit(SIGINT) | bit(SIGHUP) | bit(SIGUSR1));
  if (!TCPSERVER_TEST_SANITIZED) {
    EXPECT_EQ(signals("SigCgt"), 0U);
  }
  EXPECT_EQ(signals("SigIgn"), bit(SIGXFSZ) | bit(SIGTTOU) | bit(SIGPIPE));
}

TEST_F(Child, RunsUnderStrictSeccomp) {
  if (!TCPSERVER_TEST_LINUX) GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: no sandbox";
  if (under_seccomp_filter()) GTEST_SKIP() << "under a seccomp filter itself: no strict mode here";
  if (!TCPSERVER_TEST_SMALL_CHILDREN) GTEST_SKIP() << "plain children enter a filter";
  start();
  EXPECT_EQ(status_of(child, "Seccomp"), "1");
  EXPECT_EQ(status_of(server->pid(), "Seccomp"), "0");
  EXPECT_EQ(status_of(child, "NoNewPrivs"), "1");
}

// Under a filter that is in force already, as in a container or a systemd unit, strict mode cannot be set.
TEST_F(Child, RunsUnderAFilterOfItsOwnInsideAnotherFilter) {
  if (!TCPSERVER_TEST_LINUX) GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: no sandbox";
  start({}, {UNDER_FILTER_PROGRAM});
  EXPECT_EQ(status_of(server->pid(), "Seccomp"), "2");
  EXPECT_EQ(status_of(child, "Seccomp"), "2");
  EXPECT_EQ(std::stoi(status_of(child, "Seccomp_filters")),
            std::stoi(status_of(server->pid(), "Seccomp_filters")) + 1);
  client->half_close();
  EXPECT_EQ(client->receive_all(), "");
  EXPECT_EQ(server->stop(), 0);
  EXPECT_NE(server->last_line().find("ended: 1 client closed;"), std::string::npos) << server->last_line();
}

// The system calls of each process after it entered the sandbox, as strace saw them.
TEST_F(Child, CallsReadWriteAndExitAlone) {
  if (!TCPSERVER_TEST_LINUX) GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: no sandbox";
  if (under_seccomp_filter()) GTEST_SKIP() << "under a seccomp filter itself: no strict mode here";
  if (TCPSERVER_TEST_SANITIZED)
    GTEST_SKIP() << "strace and the address sanitizer's leak check exclude each other";
  if (find_command("strace").empty()) GTEST_SKIP() << "strace is not installed";
  const std::string log = ::testing::TempDir() + "tcpserver_strace_" + std::to_string(::getpid());
  {
    ServerProcess traced({}, {}, {"strace", "-f", "-qq", "-o", log});
    for (int i = 0; i < 3; ++i) {
      ClientSocket one(traced.port());
      EXPECT_EQ(echo_through(one, varied_bytes(100'000)), varied_bytes(100'000));
    }
    const auto children = children_of(traced.pid());
    ASSERT_EQ(children.size(), 1U);
    ::kill(children[0].pid, SIGTERM);  // strace itself ignores signals while it runs a command
    EXPECT_EQ(traced.process().wait(), 0);
  }
  std::ifstream lines(log);
  std::map<std::string, std::set<std::string>> calls;  // by pid
  std::set<std::string> sandboxed;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string pid;
    std::string call;
    words >> pid >> call;
    if (line.find("PR_SET_SECCOMP, SECCOMP_MODE_STRICT") != std::string::npos) {
      sandboxed.insert(pid);
    } else if (sandboxed.contains(pid) && call[0] >= 'a' && call[0] <= 'z') {
      calls[pid].insert(call.substr(0, call.find('(')));
    }
  }
  std::filesystem::remove(log);
  // Three sessions, and the child that tried the sandbox at start-up.
  std::multiset<std::set<std::string>> found;
  for (const auto& [pid, names] : calls) found.insert(names);
  const std::set<std::string> session{"read", "write", "exit"};
  EXPECT_EQ(found, (std::multiset<std::set<std::string>>{session, session, session, {"exit"}}));
}

// What goes to a whole process group or to every process of a name is for the parent to decide.
TEST_F(Child, SessionSurvivesSignalsThatAreMeantForTheParent) {
  start();
  for (const int signal : {SIGINT, SIGHUP, SIGUSR1, SIGCHLD}) ::kill(child, signal);
  ASSERT_TRUE(client->send("y"));
  EXPECT_EQ(client->receive(1), "y");
}

TEST_F(Child, KilledByASignalIsLoggedAndItsPlaceComesBack) {
  start();
  ::kill(child, SIGKILL);
  EXPECT_EQ(client->receive_all(), "");
  EXPECT_TRUE(eventually([&] { return children_of(server->pid()).empty(); }));
  EXPECT_NE(server->status().find("0 of 1000 sessions open, 1 accepted, 0 refused, ended: 1 killed;"),
            std::string::npos);
  EXPECT_NE(server->process().errors().find(" (pid " + std::to_string(child) + ") was killed by SIGKILL\n"),
            std::string::npos);
}

TEST_F(Child, ResetIsAnEndLikeAnyOther) {
  start();
  client->reset();
  EXPECT_TRUE(eventually([&] { return children_of(server->pid()).empty(); }));
  EXPECT_NE(server->status().find("ended: 1 reset;"), std::string::npos) << server->last_line();
  EXPECT_TRUE(server->said_nothing_unusual()) << server->process().errors();
}

TEST_F(Child, SilentClientEndsByTheIdleTimeOut) {
  server = std::make_unique<ServerProcess>(std::vector<std::string>{"--idle-timeout", "50ms"});
  ClientSocket silent(server->port());
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_TRUE(eventually([&] {
    return server->status().find("ended: 1 idle time-out;") != std::string::npos;
  })) << server->last_line();
}

TEST_F(Child, ClientThatNeverReadsEndsByTheIdleTimeOut) {
  for (const char* mode : {"fork", "iterative"}) {
    server =
        std::make_unique<ServerProcess>(std::vector<std::string>{"--idle-timeout", "200ms", "--mode", mode});
    ClientSocket greedy(server->port());
    const timeval soon{.tv_sec = 1, .tv_usec = 0};
    ::setsockopt(greedy.fd(), SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    const std::string block(1 << 20, 'x');
    while (greedy.send(block)) {
    }
    EXPECT_TRUE(eventually([&] {
      return server->status().find("ended: 1 idle time-out;") != std::string::npos;
    })) << mode
        << server->last_line();
  }
}

// The kernel wakes a blocked writer only when a third of its send buffer is free, which takes a slow reader
// of a large buffer longer than the time-out. Its bytes move all the same.
TEST_F(Child, SlowReaderWhoseBytesMoveIsNotIdle) {
  for (const char* mode : {"fork", "iterative"}) {
    server =
        std::make_unique<ServerProcess>(std::vector<std::string>{"--idle-timeout", "1s", "--mode", mode});
    ClientSocket slow(server->port());
    const auto bytes = varied_bytes(16 << 20);
    std::jthread sender([&] {
      slow.send(bytes);
      slow.half_close();
    });
    std::string received;
    for (int i = 0; i < 60; ++i) {
      received += slow.receive(40'000);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    received += slow.receive_all();
    EXPECT_TRUE(received == bytes) << mode << ": " << received.size() << " bytes; " << server->status();
  }
}

TEST_F(Child, BytesOfOpenSessionsAreCountedToo) {
  start();
  // The child counts a byte just after it has written it.
  EXPECT_TRUE(eventually([&] {
    return server->status().starts_with(
        "1 of 1000 sessions open, 1 accepted, 0 refused, ended: none; 0 failed forks, 0 accept errors; 1 "
        "bytes in, 1 "
        "out");
  })) << server->last_line();
}

TEST_F(Child, WithoutASandboxIsServedAndSaidSo) {
  if (!TCPSERVER_TEST_LINUX) GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: no sandbox";
  start({}, {UNDER_FILTER_PROGRAM, "--deny-seccomp"});
  EXPECT_NE(server->process().errors().find("children run without a sandbox"), std::string::npos);
  EXPECT_EQ(echo_through(*client, "y"), "y");
}

}  // namespace
