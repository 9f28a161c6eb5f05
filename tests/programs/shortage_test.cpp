#include "harness/figure.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <thread>

namespace {

using namespace harness;

// Out of descriptors, accept fails at once each time, and the client stays in the queue.
TEST(Shortage, OfDescriptorsIsWaitedOutWithoutSpinning) {
  ServerProcess server({"--bind", "127.0.0.1"});
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 4));  // fewer than it has open
  ClientSocket client(server.port());
  ASSERT_TRUE(client.send("patient"));
  ASSERT_TRUE(server.says("accept: Too many open files"));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LE(figure_before(server.status(), " accept errors"), 10U)
      << "a spinning server has thousands a second";
  ASSERT_TRUE(set_limit(server.pid(), RLIMIT_NOFILE, 1000));
  EXPECT_EQ(client.receive(7), "patient");
}

// Each failed fork costs that one client, and its place comes back: rivals leak it until they refuse
// everyone.
class ShortageOfProcesses : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to run as a user who has no other process";
    if (find_command("setpriv").empty()) GTEST_SKIP() << "setpriv, which gives up root, is not installed";
  }
  // The wrapper of a server whose user may have this many processes.
  [[nodiscard]] std::vector<std::string> with_processes(int count) const {
    const auto nobody_else = std::to_string(100'000 + ::getpid());
    return {"setpriv",        "--reuid",        nobody_else, "--regid", nobody_else,
            "--clear-groups", "--bounding-set", "-all",      "prlimit", "--nproc=" + std::to_string(count),
            program.path()};
  }

  const PublicCopy program{TCPSERVER_PROGRAM};
};

TEST_F(ShortageOfProcesses, CostsNoPlaces) {
  // As many as the server and two children.
  ServerProcess server({"--max-connections", "5"}, {}, with_processes(3));
  std::vector<ClientSocket> lucky;
  for (int i = 0; i < 2; ++i) lucky.push_back(open_session(server));
  for (int i = 0; i < 8; ++i) {  // more than there are places
    ClientSocket unlucky(server.port());
    EXPECT_EQ(unlucky.receive_all(), "");
  }
  EXPECT_TRUE(server.status().starts_with(
      "2 of 5 sessions open, 10 accepted, 8 refused (8 for want of a process), ended: none; 8 failed forks"))
      << server.last_line();
  EXPECT_TRUE(contains(server.log(), "fork: Resource temporarily unavailable"));
  lucky.pop_back();
  ASSERT_TRUE(eventually([&] { return server.status().starts_with("1 of 5 sessions open"); }));
  ClientSocket next(server.port());
  EXPECT_EQ(echo_through(next, "served"), "served");
}

TEST_F(ShortageOfProcesses, WarnsIfChildrenCannotBeSmall) {
  if (!TCPSERVER_TEST_SMALL_CHILDREN) GTEST_SKIP() << "this build has only plain children";
  ServerProcess server({"--sandbox", "off"}, {}, with_processes(1));
  EXPECT_TRUE(contains(server.log(), "children inherit the server's memory"));
}

}  // namespace
