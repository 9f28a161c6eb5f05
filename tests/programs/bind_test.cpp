#include "harness/client_socket.hpp"
#include "harness/server_process.hpp"

#include <netinet/in.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <regex>

namespace {

using namespace harness;

bool answers(std::uint16_t port, int family) {
  ClientSocket client(port, family);
  return client.connected() && echo_through(client, "ping") == "ping";
}

bool machine_has_ipv6() {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool has = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  if (fd >= 0) ::close(fd);
  return has;
}

class Bind : public ::testing::Test {
  void SetUp() override {
    if (!machine_has_ipv6()) GTEST_SKIP() << "this machine has no IPv6 loopback address";
  }
};

TEST_F(Bind, ByDefaultBothFamiliesAreServedOnOnePort) {
  ServerProcess server;
  EXPECT_TRUE(answers(server.port(), AF_INET));
  EXPECT_TRUE(answers(server.port(), AF_INET6));
}

TEST_F(Bind, TakesOnlyTheAddressesThatAreGiven) {
  ServerProcess four({"--bind", "127.0.0.1"});
  EXPECT_TRUE(answers(four.port(), AF_INET));
  EXPECT_FALSE(answers(four.port(), AF_INET6));
  ServerProcess six({"--bind", "::1"});
  EXPECT_FALSE(answers(six.port(), AF_INET));
  EXPECT_TRUE(answers(six.port(), AF_INET6));
  ServerProcess both({"--bind", "127.0.0.1", "--bind", "::1"});
  EXPECT_TRUE(answers(both.port(), AF_INET));
  EXPECT_TRUE(answers(both.port(), AF_INET6));
  ServerProcess any_six({"--bind", "::"});
  EXPECT_FALSE(answers(any_six.port(), AF_INET)) << ":: is IPv6 alone; 0.0.0.0 may be bound beside it";
}

// Names the process that has the address, and what to do.
TEST(BindFailure, AddressInUse) {
  ServerProcess first({"--bind", "127.0.0.1"});
  const std::string port = std::to_string(first.port());
  const auto second = run({TCPSERVER_PROGRAM, "--port", port, "--bind", "127.0.0.1"});
  EXPECT_EQ(second.ending, 69);
  EXPECT_EQ(second.output, "");
  const std::string who = TCPSERVER_TEST_LINUX ? " by process " + std::to_string(first.pid()) +
                                                     " (tcpserver), which listens on 127.0.0.1:" + port
                                               : "";
  EXPECT_EQ(second.errors, "tcpserver: cannot listen on 127.0.0.1:" + port + ": the address is in use" + who +
                               (TCPSERVER_TEST_LINUX ? "; end that, or" : ";") +
                               " choose another --port or --bind\n");
}

TEST(BindFailure, AddressInUseByItself) {
  if (!TCPSERVER_TEST_LINUX)
    GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: who has the address is not known";
  // With a port that is free in a moment, unless a client of somebody else's gets it.
  constexpr int tries = 20;
  std::string errors;
  bool by_itself = false;
  for (int i = 0; i < tries && !by_itself; ++i) {
    ServerProcess probe({"--bind", "127.0.0.1"});
    const auto port = std::to_string(probe.port());
    probe.stop();
    const auto result = run({TCPSERVER_PROGRAM, "--port", port, "--bind", "0.0.0.0,127.0.0.1"});
    EXPECT_EQ(result.ending, 69);
    errors += result.errors;
    by_itself = errors.find("the address is in use by this very server, which listens on 0.0.0.0:" + port) !=
                std::string::npos;
  }
  EXPECT_TRUE(by_itself) << errors;
}

TEST(BindFailure, AddressThatIsNotOfThisMachine) {
  // 192.0.2.0/24 is for documentation alone (RFC 5737).
  const auto result = run({TCPSERVER_PROGRAM, "--port", "0", "--bind", "192.0.2.1"});
  EXPECT_EQ(result.ending, 69);
  EXPECT_EQ(result.errors,
            "tcpserver: cannot listen on 192.0.2.1:0: it is not an address of this machine; choose another "
            "--bind\n");
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
  EXPECT_TRUE(
      result.errors.starts_with("tcpserver: cannot listen on 127.0.0.1:1: port 1 is privileged: below "))
      << result.errors;
}

// Linux gives ports to outgoing connections from 32768 on; the default port may be one of them for a while.
TEST(BindFailure, PortThatAnOutgoingConnectionHas) {
  if (!TCPSERVER_TEST_LINUX)
    GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: who has the address is not known";
  ServerProcess server({"--bind", "127.0.0.1"});
  ClientSocket client(server.port());
  sockaddr_in own{};
  socklen_t size = sizeof own;
  ASSERT_EQ(::getsockname(client.fd(), reinterpret_cast<sockaddr*>(&own), &size), 0);
  const auto port = std::to_string(ntohs(own.sin_port));
  const auto result = run({TCPSERVER_PROGRAM, "--port", port, "--bind", "127.0.0.1"});
  EXPECT_EQ(result.ending, 69);
  // Another program of this machine may have the same port, towards another address.
  EXPECT_TRUE(result.errors.starts_with("tcpserver: cannot listen on 127.0.0.1:" + port +
                                        ": the address is in use by process "))
      << result.errors;
  EXPECT_TRUE(result.errors.ends_with("), which is connected from 127.0.0.1:" + port +
                                      "; try again later, or choose another --port\n"))
      << result.errors;
}

TEST(BindFailure, ShortageIsNoFaultOfTheAddress) {
  if (find_command("prlimit").empty()) GTEST_SKIP() << "prlimit is not installed";
  const auto result =
      run({"prlimit", "--nofile=4", TCPSERVER_PROGRAM, "--port", "0", "--bind", "127.0.0.1,127.0.0.2"});
  EXPECT_EQ(result.ending, 71);
  EXPECT_NE(result.errors.find("Too many open files\n"), std::string::npos) << result.errors;
}

TEST(BindFailure, LinkLocalAddressWithoutItsInterface) {
  const auto result = run({TCPSERVER_PROGRAM, "--port", "0", "--bind", "fe80::1"});
  EXPECT_EQ(result.ending, 69);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.errors,
            "tcpserver: cannot listen on [fe80::1]:0: a link-local address needs its interface: --bind "
            "fe80::1%eth0, for "
            "example\n");
}

}  // namespace
