#include "harness/json.hpp"
#include "harness/strace.hpp"
#include "programs/load.hpp"

#include <unistd.h>

// Why tcpclient and tcpload cannot connect.
namespace {

using namespace harness;

using Words = std::vector<std::string>;

// The clients, without their options.
const std::vector<Words> client_commands{{TCPCLIENT_PROGRAM, "--message", "x"},
                                         {TCPCLIENT_PROGRAM, "--message", "x", "--clients", "4"},
                                         {TCPLOAD_PROGRAM, "--connections", "20", "--concurrency", "4"}};

Finished run_client(Words command, const std::string& host, const std::string& port,
                    const Words& wrapper = {}) {
  command.insert(command.end(), {host, port});
  command.insert(command.begin(), wrapper.begin(), wrapper.end());
  return run(command, {.environment = {"ASAN_OPTIONS=detect_leaks=0"}});
}

class ConnectErrorInNamespace : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can make a network namespace";
    const auto made = run(in_namespace("true", {"true"}));
    if (made.ending != 0) GTEST_SKIP() << "cannot make a network namespace: " << made.errors;
  }
  // Returns a command that runs in a network namespace after this script.
  static Words in_namespace(const std::string& script, const Words& command = {}) {
    Words words{"unshare", "--net", "/bin/sh", "-c",
                "ip link set lo up && " + script + " && exec \"$0\" \"$@\""};
    words.insert(words.end(), command.begin(), command.end());
    return words;
  }
};

// The kernel can choose only the port of the server, and nothing listens there.
TEST_F(ConnectErrorInNamespace, ReportsASelfConnectionAsRefused) {
  const auto wrapper = in_namespace("echo 54322 54323 >/proc/sys/net/ipv4/ip_local_port_range");
  for (const char* host : {"127.0.0.1", "::1", "0.0.0.0"}) {
    for (const auto& client : client_commands) {
      const auto result = run_client(client, host, "54322", wrapper);
      EXPECT_TRUE(fails(result, 69, "refused")) << client[0] << " " << host << result.output;
    }
  }
}

TEST_F(ConnectErrorInNamespace, NamesLocalPortsThatAreUsedUp) {
  const auto script = "echo 54322 54323 >/proc/sys/net/ipv4/ip_local_port_range";
  ServerProcess server({"--port", "7300"}, {}, in_namespace(script));
  const Words beside{"nsenter", "--net=/proc/" + std::to_string(server.pid()) + "/ns/net"};
  // The connections of this client stay open and take both ports.
  Words holder{TCPLOAD_PROGRAM, "--hold", "1h", "--concurrency", "2", "127.0.0.1", "7300"};
  holder.insert(holder.begin(), beside.begin(), beside.end());
  Process holding(holder);
  ASSERT_TRUE(holding.says("holding 2"));
  EXPECT_TRUE(fails(run_client(client_commands[0], "127.0.0.1", "7300", beside), 69, "no free local port"));
  EXPECT_TRUE(fails(run_client(client_commands[2], "127.0.0.1", "7300", beside), 71, "no free local port"));
}

TEST_F(ConnectErrorInNamespace, NamesAMissingFamily) {
  const auto wrapper = in_namespace("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6");
  for (const auto& client : client_commands) {
    EXPECT_TRUE(fails(run_client(client, "::1", "7300", wrapper), 69, "no IPv6 address")) << client[0];
  }
}

TEST(ConnectError, NeedsAnInterfaceForALinkLocalAddress) {
  for (const auto& client : client_commands) {
    EXPECT_TRUE(fails(run_client(client, "fe80::1", "7300"), 69, "needs an interface")) << client[0];
  }
}

using RefusedSocket = Injection;

TEST_F(RefusedSocket, OmitsTheAdviceAboutTheServer) {
  for (const auto& client : client_commands) {
    for (const auto& [error, said] : {std::pair{"EACCES", "security policy"},
                                      {"EPERM", "security policy"},
                                      {"EAFNOSUPPORT", "no IPv4"},
                                      {"EPROTONOSUPPORT", "no IPv4"}}) {
      const auto wrapper = failing("socket", "error=" + std::string(error));
      const auto result = run_client(client, "127.0.0.1", "7300", wrapper);
      EXPECT_TRUE(fails(result, 69, said)) << client[0] << " " << error;
      EXPECT_FALSE(contains(result.errors, "running?"));
    }
  }
}

}  // namespace
