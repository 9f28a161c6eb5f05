#include "harness/server_process.hpp"
#include "harness/strace.hpp"

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
  expect_failure("127.0.0.1,127.0.0.2", 0, 71, "Too many open files (see ulimit -n)\n",
                 {"prlimit", "--nofile=4"});
}

TEST(BindFailure, NamesAnInterfaceThatDoesNotExist) {
  const TextFile file("bind = fe80::1%nosuch\n");
  const std::string said = "no such interface 'nosuch'";
  EXPECT_TRUE(fails(run({TCPSERVER_PROGRAM, "--bind", "fe80::1%nosuch"}), 64, said));
  EXPECT_TRUE(fails(run({TCPSERVER_PROGRAM}, {.environment = {"TCPSERVER_BIND=fe80::1%nosuch"}}), 64, said));
  EXPECT_TRUE(fails(run({TCPSERVER_PROGRAM, "--config", file.path()}), 78, said));
  EXPECT_TRUE(fails(run({TCPCLIENT_PROGRAM, "fe80::1%nosuch"}), 68, said));
  EXPECT_TRUE(fails(run({TCPLOAD_PROGRAM, "fe80::1%nosuch"}), 68, said));
}

// A seccomp filter, systemd, SELinux or gVisor may refuse a family in any of these calls.
class RefusedFamily : public Injection {
 protected:
  // Runs a server whose calls fail. The first call is for IPv6.
  void expect_failure(const std::string& call, const std::string& how, Ending ending,
                      const std::string& said) {
    const auto result =
        run(command_line(failing(call, "error=" + how), {"--port", "0"}), without_leak_check());
    EXPECT_TRUE(fails(result, ending, said)) << call << " " << how;
    EXPECT_FALSE(contains(result.errors, "privileged")) << call << " " << how;
  }
};

TEST_F(RefusedFamily, IsSkippedWithItsCause) {
  for (const std::string call : {"socket", "bind", "listen"}) {
    for (const std::string error : {"EAFNOSUPPORT", "EPROTONOSUPPORT", "EACCES", "EPERM", "ENOSYS", "EINVAL",
                                    "ENOPROTOOPT", "EADDRNOTAVAIL"}) {
      auto server = start({"--log-format", "json"}, call, "error=" + error + ":when=1");
      EXPECT_TRUE(contains(
          server.log(), "\"event\": \"no_ipv6\", \"call\": \"" + call + "\", \"errno\": \"" + error + "\""));
      EXPECT_FALSE(contains(server.log(), "privileged"));
      EXPECT_EQ(server.stop(), 0);
    }
  }
}

TEST_F(RefusedFamily, IsAnErrorIfNoFamilyWorks) {
  expect_failure("socket", "EAFNOSUPPORT", 69, "(IPv6 and IPv4): the kernel lacks this address family");
  expect_failure("socket", "EPERM", 77, "socket: Operation not permitted by a security policy");
  expect_failure("bind", "EACCES", 77, "bind: Permission denied by a security policy");
  expect_failure("listen", "EPERM", 77, "listen: Operation not permitted by a security policy");
  expect_failure("setsockopt", "ENOPROTOOPT", 69, "setsockopt: Protocol not available");
}

TEST_F(RefusedFamily, IsAnErrorThatNamesBothCauses) {
  const auto wrapper =
      failing("socket", "error=EPERM:when=1", {"-e", "trace=socket,bind", "-e", "inject=bind:error=ENOSYS"});
  const auto result = run(command_line(wrapper, {"--port", "0"}), without_leak_check());
  EXPECT_TRUE(fails(result, 77, ": IPv6: socket: Operation not permitted by a security policy"));
  EXPECT_TRUE(contains(result.errors, "; IPv4: bind: Function not implemented\n"));
}

TEST_F(RefusedFamily, IsNotTheMessageForAShortage) {
  expect_failure("socket", "EMFILE:when=1", 71, "Too many open files");
  expect_failure("socket", "ENOBUFS:when=2", 71, "No buffer space available");
  expect_failure("bind", "ENOMEM:when=1", 71, "Cannot allocate memory");
}

TEST_F(RefusedFamily, IsNamedByTcpbacklog) {
  const auto probe = [this](const std::string& call, const std::string& error) {
    auto command = failing(call, "error=" + error);
    command.insert(command.end(), {TCPBACKLOG_PROGRAM, "probe", "--json"});
    return run(command, without_leak_check());
  };
  for (const std::string call : {"socket", "bind", "listen", "connect"}) {
    EXPECT_TRUE(fails(probe(call, "EPERM"), 77, "by a security policy")) << call;
  }
  EXPECT_TRUE(fails(probe("socket", "EAFNOSUPPORT"), 69, "create a socket: Address family not supported"));
  EXPECT_TRUE(fails(probe("socket", "EMFILE"), 71, "ulimit -n"));
}

// Duplicate address detection of the veth pair `va`, `vb` in a network namespace.
class Detection : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || run(in_namespace("true", "")).ending != 0) {
      GTEST_SKIP() << "cannot make a network namespace with a veth pair";
    }
  }
  // Prepares the namespace with `commands`, and runs `last` there.
  static std::vector<std::string> in_namespace(const std::string& last, const std::string& commands) {
    return {"unshare",
            "--net",
            "/bin/sh",
            "-ec",
            "ip link set lo up; ip link add dev va type veth peer name vb; ip link set dev vb up\n" +
                commands + "\nexec \"$0\" \"$@\"",
            last};
  }
};

// By default the detection may take more than two seconds, with a random delay.
TEST_F(Detection, IsAwaited) {
  const std::string prepare =
      "echo 0 >/proc/sys/net/ipv6/conf/va/router_solicitation_delay\n"
      "echo 500 >/proc/sys/net/ipv6/neigh/va/retrans_time_ms\n"
      "ip link set dev va up; ip address add 2001:db8::1/64 dev va";
  auto command = in_namespace(TCPSERVER_PROGRAM, prepare);
  command.insert(command.end(), {"--bind", "2001:db8::1", "--port", "0"});
  Process server(command);
  EXPECT_TRUE(server.reads_line()) << server.errors();
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

TEST_F(Detection, IsNamedIfItDoesNotFinish) {
  const std::string prepare =
      "echo 9 >/proc/sys/net/ipv6/conf/va/dad_transmits; ip link set dev va up; ip address add "
      "2001:db8::1/64 dev "
      "va";
  auto command = in_namespace(TCPSERVER_PROGRAM, prepare);
  command.insert(command.end(), {"--bind", "2001:db8::1", "--port", "0"});
  EXPECT_TRUE(fails(run(command), 69, "tentative"));
}

TEST_F(Detection, IsNamedIfItHasFoundADuplicate) {
  const std::string prepare =
      "ip link set dev va up; ip address add fe80::1/64 dev vb nodad; ip address add fe80::1/64 dev va\n"
      "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do\n"
      "  ip address show dev va | grep -q dadfailed && break; sleep 0.1; done";
  auto command = in_namespace(TCPSERVER_PROGRAM, prepare);
  command.insert(command.end(), {"--bind", "fe80::1%va", "--port", "0"});
  EXPECT_TRUE(fails(run(command), 69, "duplicate address detection failed"));
}

}  // namespace
