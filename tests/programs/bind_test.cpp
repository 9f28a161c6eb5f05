#include "harness/client_socket.hpp"
#include "harness/server_process.hpp"
#include "harness/text.hpp"

#include <unistd.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using namespace harness;

bool answers(std::uint16_t port, int family) {
  ClientSocket client(port, family);
  return client.connected() && echo_through(client, "ping") == "ping";
}

class Bind : public ::testing::Test {
  void SetUp() override {
    const bool has_ipv6 = contains(contents_of("/proc/net/if_inet6"), " lo\n");
    if (!has_ipv6) GTEST_SKIP() << "this machine has no IPv6 loopback address";
  }
};

TEST_F(Bind, ByDefaultBothFamiliesAreServedOnOnePort) {
  ServerProcess server;
  EXPECT_TRUE(answers(server.port(), AF_INET));
  EXPECT_TRUE(answers(server.port(), AF_INET6));
}

TEST_F(Bind, TakesOnlyTheAddressesThatAreGiven) {
  struct Case {
    std::vector<std::string> options;
    bool four;
    bool six;
  };
  for (const auto& [options, four, six] : {
           Case{{"--bind", "127.0.0.1"}, true, false}, Case{{"--bind", "::1"}, false, true},
           Case{{"--bind", "127.0.0.1", "--bind", "::1"}, true, true},
           Case{{"--bind", "::"}, false, true},  // IPv6 alone: 0.0.0.0 may be bound beside it
       }) {
    ServerProcess server(options);
    EXPECT_EQ(answers(server.port(), AF_INET), four) << options.back();
    EXPECT_EQ(answers(server.port(), AF_INET6), six) << options.back();
  }
}

Finished bind_to(const std::string& address, std::uint16_t port, std::vector<std::string> command = {}) {
  command.insert(command.end(), {TCPSERVER_PROGRAM, "--port", std::to_string(port), "--bind", address});
  return run(command);
}

// The error names the process that has the address.
TEST(BindFailure, AddressInUse) {
  ServerProcess first({"--bind", "127.0.0.1"});
  const auto result = bind_to("127.0.0.1", first.port());
  EXPECT_EQ(result.ending, 69);
  EXPECT_EQ(result.output, "");
  EXPECT_TRUE(contains(result.errors, "in use by process " + std::to_string(first.pid()) + " (tcpserver)"))
      << result.errors;
}

TEST(BindFailure, AddressInUseByItself) {
  // With a port that is free in a moment, unless a client of somebody else's gets it.
  constexpr int tries = 20;
  std::string errors;
  for (int i = 0; i < tries && !contains(errors, "in use by this very server"); ++i) {
    ServerProcess probe({"--bind", "127.0.0.1"});
    probe.stop();
    const auto result = bind_to("0.0.0.0,127.0.0.1", probe.port());
    EXPECT_EQ(result.ending, 69);
    errors += result.errors;
  }
  EXPECT_TRUE(contains(errors, "in use by this very server")) << errors;
}

// Linux gives ports to outgoing connections from 32768 on; the default port may be one of them for a while.
TEST(BindFailure, PortThatAnOutgoingConnectionHas) {
  ServerProcess server({"--bind", "127.0.0.1"});
  ClientSocket client(server.port());
  const auto result = bind_to("127.0.0.1", client.own_port());
  EXPECT_EQ(result.ending, 69);
  // Another program of this machine may have the same port, towards another address.
  const auto holder = "connected from 127.0.0.1:" + std::to_string(client.own_port());
  EXPECT_TRUE(contains(result.errors, "in use by process ") && contains(result.errors, holder))
      << result.errors;
}

TEST(BindFailure, AddressThatIsNotOfThisMachine) {
  const auto result = bind_to("192.0.2.1", 0);  // for documentation alone (RFC 5737)
  EXPECT_EQ(result.ending, 69);
  EXPECT_TRUE(contains(result.errors, "not an address of this machine")) << result.errors;
}

TEST(BindFailure, LinkLocalAddressWithoutItsInterface) {
  const auto result = bind_to("fe80::1", 0);
  EXPECT_EQ(result.ending, 69);
  EXPECT_EQ(result.output, "");
  EXPECT_TRUE(contains(result.errors, "needs its interface: --bind fe80::1%eth0")) << result.errors;
}

TEST(BindFailure, PrivilegedPort) {
  std::vector<std::string> command;
  if (::geteuid() == 0) {
    if (find_command("setpriv").empty()) GTEST_SKIP() << "setpriv, which gives up root, is not installed";
    command = {"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set", "-all"};
  }
  const PublicCopy program(TCPSERVER_PROGRAM);
  command.insert(command.end(), {program.path(), "--port", "1", "--bind", "127.0.0.1"});
  const auto result = run(command);
  EXPECT_EQ(result.ending, 77) << result.errors;
  EXPECT_TRUE(contains(result.errors, "port 1 is privileged")) << result.errors;
}

TEST(BindFailure, ShortageIsNoFaultOfTheAddress) {
  if (find_command("prlimit").empty()) GTEST_SKIP() << "prlimit is not installed";
  const auto result = bind_to("127.0.0.1,127.0.0.2", 0, {"prlimit", "--nofile=4"});
  EXPECT_EQ(result.ending, 71);
  EXPECT_TRUE(contains(result.errors, "Too many open files\n")) << result.errors;
}

}  // namespace
