#include "harness/own_listener.hpp"
#include "harness/server_process.hpp"
#include "harness/temporary_folder.hpp"
#include "harness/text.hpp"
#include "programs/status.hpp"

#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

// Which server --status shows, and who may see it.
namespace {

using namespace harness;
namespace fs = std::filesystem;

TEST(Status, LooksAtTheAddressesOfBindAlone) {
  ServerProcess one({"--bind", "127.0.0.1"});
  const auto port = std::to_string(one.port());
  ServerProcess other({"--port", port, "--bind", "127.0.0.2"});
  const auto status = shown({"--port", port, "--bind", "127.0.0.2"});
  EXPECT_EQ(status.finished.ending, 0) << status.finished.errors;
  EXPECT_TRUE(status.head.at(0).starts_with("tcpserver, pid " + std::to_string(other.pid()) + ","));
  EXPECT_EQ(occurrences(status.finished.output, "tcpserver, pid "), 1U);
  const auto nobody = shown({"--port", port, "--bind", "127.0.0.3"}).finished;
  EXPECT_EQ(nobody.ending, 69);
  EXPECT_EQ(nobody.output, "");
  EXPECT_TRUE(contains(nobody.errors, "nobody listens on port " + port + " of 127.0.0.3"));
  const auto both = shown({"--port", port});
  EXPECT_EQ(occurrences(both.finished.output, "tcpserver, pid "), 2U) << both.finished.output;
}

TEST(Status, KnowsOtherPrograms) {
  const OwnListener listener;
  const auto status = shown({"--port", listener.port()});
  EXPECT_EQ(status.finished.ending, 69);
  EXPECT_TRUE(contains(status.finished.errors, "programs_test (pid " + std::to_string(::getpid()) + ")"));
}

TEST(Status, OfPortZeroIsAMistake) {
  EXPECT_EQ(shown({"--port", "0"}).finished.ending, 64);
}

TEST(Status, NeedsStandardOutput) {
  ServerProcess server;
  const auto command = std::string(TCPSERVER_PROGRAM) + " --status --port " + std::to_string(server.port());
  EXPECT_EQ(run({"sh", "-c", command + " >&-"}).ending, 74);
  EXPECT_EQ(run({"sh", "-c", command + " >/dev/full"}).ending, 74);
}

class StatusByPidFile : public ::testing::Test {
 protected:
  const TemporaryFolder folder;
  const std::string pid_file = folder.path() + "/pid";
};

TEST_F(StatusByPidFile, NeedsNoPort) {
  ServerProcess server({"--pid-file", pid_file});
  ServerProcess other;
  ClientSocket client(server.port());
  echo(client, 3);
  for (const char* port : {"0", "1"}) {
    const auto status = shown({"--pid-file", pid_file, "--port", port});
    ASSERT_EQ(status.rows.size(), 1U) << status.finished.output << status.finished.errors;
    EXPECT_EQ(status.rows[0].peer, address_of(client));
    EXPECT_NE(status.head.at(1).find(":" + std::to_string(server.port()) + " "), std::string::npos);
  }
  EXPECT_TRUE(fs::exists(pid_file)) << "it is the server's, and stays";
}

TEST_F(StatusByPidFile, ShowsAServerThatDrains) {
  ServerProcess server({"--pid-file", pid_file, "--drain-timeout", "60s"});
  ClientSocket client(server.port());
  echo(client, 3);
  server.process().signal(SIGTERM);
  Shown status;
  EXPECT_TRUE(eventually([&] {
    status = shown({"--pid-file", pid_file});
    return status.head.size() == 2 && status.head[1] == "does not listen: it is starting, or stopping";
  })) << status.finished.output;
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.output;
  EXPECT_EQ(status.rows[0].peer, address_of(client));
  EXPECT_EQ(status.rows[0].in, "3");
  client.close();
  EXPECT_EQ(server.process().wait(), 0);
}

TEST_F(StatusByPidFile, OfNoServer) {
  auto status = shown({"--pid-file", pid_file});
  EXPECT_EQ(status.finished.ending, 69);
  EXPECT_TRUE(contains(status.finished.errors, "no server runs with --pid-file"));
  EXPECT_FALSE(fs::exists(pid_file)) << "looking makes none";
  std::ofstream(pid_file) << ::getpid() << "\n";
  status = shown({"--pid-file", pid_file});
  EXPECT_EQ(status.finished.ending, 69) << "the lock counts, not the number";
}

TEST_F(StatusByPidFile, IsSeenByWhoMayReadItAlone) {
  if (::geteuid() != 0 || find_command("setpriv").empty()) GTEST_SKIP() << "needs root and setpriv";
  const PublicCopy program(TCPSERVER_PROGRAM);
  fs::permissions(folder.path(), fs::perms(0755));
  ServerProcess server({"--pid-file", pid_file});
  const auto status = shown({"--pid-file", pid_file},
                            {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program.path()});
  EXPECT_EQ(status.finished.ending, 77);
  EXPECT_EQ(lines_of(status.finished.errors).size(), 1U) << status.finished.errors;
}

TEST(Status, OfAnotherUsersServerTakesRights) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  if (find_command("setpriv").empty()) GTEST_SKIP() << "setpriv is not installed";
  const PublicCopy program(TCPSERVER_PROGRAM);
  const std::vector<std::string> as_nobody{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                           program.path()};
  ServerProcess of_root;
  const auto port = std::to_string(of_root.port());
  const auto refused = shown({"--port", port}, as_nobody);
  EXPECT_EQ(refused.finished.ending, 77);
  EXPECT_EQ(refused.finished.output, "");
  EXPECT_TRUE(contains(refused.finished.errors, "no right to see who listens on port " + port));

  ServerProcess of_nobody({}, {}, as_nobody);
  ClientSocket client(of_nobody.port());
  echo(client, 9);
  for (const auto& wrapper : {std::vector<std::string>{}, as_nobody}) {
    const auto status = shown({"--port", std::to_string(of_nobody.port())}, wrapper);
    ASSERT_EQ(status.rows.size(), 1U) << status.finished.errors;
    EXPECT_EQ(status.rows[0].in, "9");
  }
}

// Such a server has been root, and nobody but root may look at it.
TEST(Status, OfAServerThatBecameAUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  ServerProcess server({"--user", "65534:65534"});
  ClientSocket client(server.port());
  echo(client, 9);
  const auto status = shown_on(server.port());
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.errors;
  EXPECT_EQ(status.rows[0].in, "9");
}

// As systemd does it: who has made the socket keeps it, and is the server's parent.
TEST(Status, FindsTheServerBesideItsServiceManager) {
  const OwnListener listener;
  const int third = ::dup(listener.fd());
  Process server({"sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" 3<&0 0</dev/null", TCPSERVER_PROGRAM},
                 {.input_fd = third});
  ASSERT_TRUE(server.read_output_until([](const std::string& text) { return text.ends_with('\n'); }))
      << server.errors();
  ClientSocket client(static_cast<std::uint16_t>(std::atoi(listener.port().c_str())));
  echo(client, 4);
  const auto status = shown({"--port", listener.port()});
  ::close(third);
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.errors;
  EXPECT_EQ(occurrences(status.finished.output, "tcpserver, pid "), 1U);
  EXPECT_TRUE(status.head.at(0).starts_with("tcpserver, pid " + std::to_string(server.pid()) + ","));
}

}  // namespace
