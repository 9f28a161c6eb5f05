#include "harness/server_process.hpp"

#include <unistd.h>

namespace {

using namespace harness;

bool answers(std::uint16_t port, int family) {
  ClientSocket client(port, family);
  return client.connected() && echoes(client);
}

TEST(Bind, ServesTheGivenAddressesOrBothFamilies) {
  const bool has_ipv6 = contains(read_text("/proc/net/if_inet6"), " lo\n");
  if (!has_ipv6) GTEST_SKIP() << "this machine has no IPv6 loopback address";
  struct Case {
    std::vector<std::string> options;
    bool four;
    bool six;
  };
  const std::vector<Case> cases{
      {{}, true, true},
      {{"--bind", "127.0.0.1"}, true, false},
      {{"--bind", "::1"}, false, true},
      {{"--bind", "127.0.0.1", "--bind", "::1"}, true, true},
      {{"--bind", "::"}, false, true},  // IPv6 only, so that 0.0.0.0 can be bound too
  };
  for (const auto& [options, four, six] : cases) {
    ServerProcess server(options);
    EXPECT_EQ(answers(server.port(), AF_INET), four) << ::testing::PrintToString(options);
    EXPECT_EQ(answers(server.port(), AF_INET6), six) << ::testing::PrintToString(options);
  }
}

void expect_failure(const std::string& address, std::uint16_t port, Ending ending, const std::string& said,
                    const std::vector<std::string>& wrapper = {}) {
  const auto result = run(command_line(wrapper, {"--port", std::to_string(port), "--bind", address}));
  EXPECT_TRUE(fails(result, ending, said));
}

TEST(BindFailure, NamesTheOtherProcess) {
  ServerProcess server({"--bind", "127.0.0.1"});
  expect_failure("127.0.0.1", server.port(), 69, "process " + std::to_string(server.pid()) + " (tcpserver);");
}

// Linux assigns ports from 32768 on to outgoing connections, and the default port is one of them.
TEST(BindFailure, NamesAnOutgoingConnectionOnThePort) {
  ServerProcess server({"--bind", "127.0.0.1"});
  ClientSocket client(server.port());
  expect_failure("127.0.0.1", client.own_port(), 69, client.own_address().text());
}

TEST(BindFailure, ExplainsAWrongAddress) {
  expect_failure("0.0.0.0,127.0.0.1", 0, 69, "by this server, listening on 0.0.0.0:");
  expect_failure("192.0.2.1", 0, 69, "not an address of this machine");  // a documentation address (RFC 5737)
  expect_failure("fe80::1", 0, 69, "--bind fe80::1%eth0");
}

TEST(BindFailure, ExplainsAPrivilegedPort) {
  const PublicCopy program;
  std::vector<std::string> command{program.path()};
  if (::geteuid() == 0) {
    if (find_command("setpriv").empty()) GTEST_SKIP() << "setpriv is not installed";
    command = program.as_user();
    command.insert(command.end() - 1, {"--bounding-set", "-all"});
  }
  expect_failure("127.0.0.1", 1, 77, "port 1 is privileged", command);
}

TEST(BindFailure, ReportsAShortageOfDescriptors) {
  expect_failure("127.0.0.1,127.0.0.2", 0, 71, "Too many open files\n", {"prlimit", "--nofile=4"});
}

}  // namespace
