#include "harness/one_session.hpp"

#include <thread>

namespace {

using namespace harness;
using namespace std::chrono_literals;

class Child : public OneSession {
 protected:
  unsigned long signals(const std::string& line) const {
    return std::stoul(read_proc_status(child, line), nullptr, 16);
  }
  static unsigned long bit(int signal) { return 1UL << (signal - 1); }
};

// Some programs leave a descriptor open in those that they start.
TEST_F(Child, HasNoOtherDescriptorThanItsConnection) {
  start({"--bind", "127.0.0.1", "--bind", "127.0.0.2"}, {"sh", "-c", "exec \"$@\" 9</dev/null", "sh"});
  EXPECT_GE(count_descriptors(server->pid()), 6U);
  EXPECT_EQ(count_descriptors(child), 1U);
}

// Signals to a whole process group, or to every process of the name, are for the parent.
TEST_F(Child, BlocksAllSignalsOfItsParent) {
  start();
  EXPECT_EQ(signals("SigBlk"), bit(SIGCHLD) | bit(SIGTERM) | bit(SIGINT) | bit(SIGHUP) | bit(SIGUSR1));
  EXPECT_EQ(signals("SigIgn"), bit(SIGXFSZ) | bit(SIGTTOU) | bit(SIGPIPE));
  if (!TCPSERVER_TEST_SANITIZED) {
    EXPECT_EQ(signals("SigCgt") & ~signals("SigBlk"), 0U) << "no handler can run";
  }
}

TEST_F(Child, DrainsWhenTheWholeProcessGroupGetsSigterm) {
  start({}, {"setsid"});
  ASSERT_EQ(::kill(-server->pid(), SIGTERM), 0);
  ASSERT_TRUE(server->says("stopping: "));
  EXPECT_EQ(echo_through(*client, "y"), "y");
  EXPECT_EQ(server->wait(), 0);
  EXPECT_TRUE(contains(server->last_line(), "ended: 1 closed by client;"));
}

TEST_F(Child, RunsUnderStrictSeccomp) {
  if (under_seccomp_filter()) GTEST_SKIP() << "under a seccomp filter itself: no strict mode here";
  if (!TCPSERVER_TEST_SMALL_CHILDREN) GTEST_SKIP() << "plain children enter a filter";
  start();
  EXPECT_EQ(read_proc_status(child, "Seccomp"), "1");
  EXPECT_EQ(read_proc_status(server->pid(), "Seccomp"), "0");
  EXPECT_EQ(read_proc_status(child, "NoNewPrivs"), "1");
}

// Under a filter that is in force already, as in a container or a systemd unit, strict mode cannot be set.
TEST_F(Child, InstallsItsFilterInsideAnotherFilter) {
  start({}, {UNDER_FILTER_PROGRAM});
  EXPECT_EQ(read_proc_status(server->pid(), "Seccomp"), "2");
  EXPECT_EQ(read_proc_status(child, "Seccomp"), "2");
  EXPECT_EQ(std::stoi(read_proc_status(child, "Seccomp_filters")),
            std::stoi(read_proc_status(server->pid(), "Seccomp_filters")) + 1);
  EXPECT_EQ(echo_through(*client, ""), "");
  EXPECT_TRUE(server->status_shows("ended: 1 closed by client;"));
}

TEST_F(Child, LogsAKilledChildAndFreesItsSlot) {
  start();
  ::kill(child, SIGKILL);
  EXPECT_EQ(client->receive_all(), "");
  EXPECT_TRUE(server->status_shows("0 of 1000 sessions open, 1 accepted; sessions ended: 1 killed;"));
  EXPECT_TRUE(server->says(" (pid " + std::to_string(child) + "): killed by SIGKILL\n"));
}

TEST_F(Child, LogsASignalWithoutANameAsOneWord) {
  start({"-v"});
  ::kill(child, SIGRTMIN);
  EXPECT_TRUE(server->says(" reason=killed signal=unknown_signal\n"));
}

TEST_F(Child, ClosesAClientThatNeverReadsAfterTheIdleTimeout) {
  for (const char* mode : {"fork", "iterative"}) {
    ServerProcess either({"--idle-timeout", "200ms", "--mode", mode});
    ClientSocket greedy(either.port());
    fill_until_stalled(greedy);
    EXPECT_TRUE(either.status_shows("ended: 1 idle timeout;")) << mode;
  }
}

// The kernel wakes a blocked writer only when a third of its send buffer is free. A slow reader of a large
// buffer takes longer than the timeout for that, although its bytes move.
TEST_F(Child, DoesNotTimeOutASlowReader) {
  const auto bytes = varied_bytes(16 << 20);
  for (const char* mode : {"fork", "iterative"}) {
    ServerProcess either({"--idle-timeout", "500ms", "--mode", mode});
    ClientSocket slow(either.port());
    std::jthread sender([&] {
      slow.send(bytes);
      slow.half_close();
    });
    std::string received;
    for (int i = 0; i < 40; ++i) {
      received += slow.receive(20'000);
      std::this_thread::sleep_for(25ms);
    }
    received += slow.receive_all();
    EXPECT_TRUE(received == bytes) << mode << ": " << received.size() << " bytes; " << either.status();
  }
}

}  // namespace
