#include "harness/one_session.hpp"
#include "harness/system_call.hpp"
#include "harness/text.hpp"
#include "harness/text_file.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <memory>

namespace {

using namespace harness;

// In a build that has a sandbox.
class SandboxOfAProgram : public OneSession {
 protected:
  void SetUp() override {}
  static int connection_of(pid_t process) {
    const std::filesystem::directory_iterator first("/proc/" + std::to_string(process) + "/fd");
    return std::stoi(first->path().filename());
  }
  // A child that makes a call for us has to be interrupted in its read.
  void child_waits() {
    ASSERT_TRUE(eventually([&] { return status_of(child, "State").starts_with("S"); }));
  }
  // Plain children enter a filter.
  static bool strict_mode_is_used() { return TCPSERVER_TEST_SMALL_CHILDREN && !under_seccomp_filter(); }
  void no_child_is_left() {
    ASSERT_TRUE(eventually([&] { return children_of(server->pid()).empty(); }));
  }
};

struct ForbiddenCall {
  const char* name;
  long number;
  std::array<unsigned long, 6> arguments;
};

#ifdef __x86_64__
const ForbiddenCall forbidden_calls[] = {
    {"open", SYS_open, {in_text, O_RDONLY}},
    {"openat", SYS_openat, {static_cast<unsigned long>(AT_FDCWD), in_text, O_RDONLY}},
    {"execve", SYS_execve, {in_text, 0, 0}},
    {"fork", SYS_fork, {}},
    {"clone", SYS_clone, {SIGCHLD}},
    {"kill", SYS_kill, {1, 0}},
    {"socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}},
    {"connect", SYS_connect, {0, 0, 0}},
    {"sendmsg", SYS_sendmsg, {0, 0, 0}},
    {"mmap", SYS_mmap, {0, 4096, 3, 0x22, ~0UL, 0}},
    {"mprotect", SYS_mprotect, {0, 0, 0}},
    {"ptrace", SYS_ptrace, {0, 0, 0}},
    {"prctl", SYS_prctl, {0, 0, 0}},
    {"getpid", SYS_getpid, {}},
    {"dup", SYS_dup, {0}},
    {"setsockopt SO_RCVBUF", SYS_setsockopt, {0, SOL_SOCKET, SO_RCVBUF, 0, 0}},
    {"setsockopt of TCP with the number of SO_LINGER", SYS_setsockopt, {0, IPPROTO_TCP, SO_LINGER, 0, 0}},
    {"close", SYS_close, {999}},
    {"exit_group", SYS_exit_group, {0}},
    {"a call of the x32 ABI", 0x40000000 + SYS_read, {0, 0, 0}},
};
#else
const ForbiddenCall forbidden_calls[] = {{"getpid", SYS_getpid, {}}};
#endif

// From the child itself, as somebody would who had taken it over.
TEST_F(SandboxOfAProgram, KillsAChildForEachForbiddenCall) {
  struct {
    const char* name;
    std::vector<std::string> wrapper;
    int signal;
  } const sandboxes[] = {{"strict", {}, strict_mode_is_used() ? SIGKILL : SIGSYS},
                         {"filter", {UNDER_FILTER_PROGRAM}, SIGSYS},
                         {"plain", {UNDER_FILTER_PROGRAM, "--deny-stack"}, SIGSYS}};
  for (const auto& sandbox : sandboxes) {
    start({}, sandbox.wrapper);
    unsigned long killed = 0;
    for (const auto& call : forbidden_calls) {
      child_waits();
      const auto result = call_in(child, call.number, call.arguments, "/bin/sh");
      if (!result.possible) GTEST_SKIP() << "no way to have a process make a call here";
      EXPECT_EQ(result.killed_by, sandbox.signal)
          << sandbox.name << ": " << call.name << " = " << result.value;
      if (result.killed_by == sandbox.signal) ++killed;
      client->close();
      no_child_is_left();
      open_session();
    }
    const auto status = server->status();
    const auto* const how = sandbox.signal == SIGSYS ? " killed by seccomp;" : " killed;";
    EXPECT_TRUE(contains(status, "ended: " + std::to_string(killed) + how));
    EXPECT_EQ(echo_through(*client, "y"), "y");
  }
}

TEST_F(SandboxOfAProgram, AllowsSoLingerInAPlainChild) {
  start({"--sandbox", "on"}, {UNDER_FILTER_PROGRAM, "--deny-stack"});
  child_waits();
  const std::string off(8, '\0');
  const auto connection = static_cast<unsigned long>(connection_of(child));
  const auto result =
      call_in(child, SYS_setsockopt, {connection, SOL_SOCKET, SO_LINGER, in_text, off.size()}, off);
  if (!result.possible) GTEST_SKIP() << "no way to have a process make a call here";
  EXPECT_EQ(result.killed_by, 0);
  EXPECT_EQ(result.value, 0);
}

// The test of that test: without a sandbox the very same calls harm nobody.
TEST_F(SandboxOfAProgram, SwitchedOffForbidsNothing) {
  start({"--sandbox", "off"});
  EXPECT_EQ(status_of(child, "Seccomp"), "0");
  child_waits();
  const auto result = call_in(child, SYS_getpid);
  if (!result.possible) GTEST_SKIP() << "no way to have a process make a call here";
  EXPECT_EQ(result.killed_by, 0);
  EXPECT_EQ(result.value, child);
  EXPECT_EQ(echo_through(*client, "y"), "y") << "and the session goes on";
  EXPECT_TRUE(contains(server->log(), "--sandbox off: "));
}

TEST_F(SandboxOfAProgram, NotToBeHadIsAnErrorIfItIsAskedFor) {
  const auto refused =
      run({UNDER_FILTER_PROGRAM, "--deny-seccomp", TCPSERVER_PROGRAM, "--port", "0", "--sandbox", "on"});
  EXPECT_EQ(refused.ending, 71);
  EXPECT_EQ(refused.output, "");
  EXPECT_TRUE(contains(refused.errors, "--sandbox on: "));
  EXPECT_TRUE(contains(refused.errors, "seccomp"));
}

TEST_F(SandboxOfAProgram, NotToBeHadIsSaidOnceAndServedWithout) {
  start({}, {UNDER_FILTER_PROGRAM, "--deny-seccomp"});
  EXPECT_EQ(echo_through(*client, "y"), "y");
  no_child_is_left();
  open_session();
  EXPECT_EQ(occurrences(server->log(), "children run without a sandbox: "), 1U) << server->log();
}

// The parent, too, as somebody would who had taken it over.
// In the iterative mode it is the server itself that reads what clients send.
class ConfinedServer : public SandboxOfAProgram, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Modes, ConfinedServer, ::testing::Values("fork", "iterative"),
                         [](const auto& parameter) { return std::string(parameter.param); });

TEST_P(ConfinedServer, CanNoMoreWriteExecuteBindOrConnect) {
  server = std::make_unique<ServerProcess>(
      std::vector<std::string>{"-v", "--drain-timeout", "0", "--mode", GetParam()});
  EXPECT_EQ(status_of(server->pid(), "NoNewPrivs"), "1")
      << "without it an ordinary user may not enter Landlock";
  if (!contains(server->log(), "writing and executing files yes, binding and connecting TCP yes")) {
    GTEST_SKIP() << "this kernel has no Landlock of version 4 or later";
  }
  const TextFile file("secret");
  const auto call = [&](long number, std::array<unsigned long, 6> arguments, const std::string& text) {
    return call_in(server->pid(), number, arguments, text).value;
  };
  const auto at = static_cast<unsigned long>(AT_FDCWD);
  const auto opened = call_in(server->pid(), SYS_openat, {at, in_text, O_RDONLY}, file.path());
  if (!opened.possible) GTEST_SKIP() << "no way to have a process make a call here";
  EXPECT_GE(opened.value, 0) << "reading is still possible: the configuration is read again";
  EXPECT_EQ(call(SYS_openat, {at, in_text, O_WRONLY}, file.path()), -EACCES);
  EXPECT_EQ(call(SYS_openat, {at, in_text, O_WRONLY | O_CREAT, 0600}, file.path() + ".new"), -EACCES);
  EXPECT_EQ(call(SYS_truncate, {in_text, 0}, file.path()), -EACCES);
  EXPECT_EQ(call(SYS_unlinkat, {at, in_text, 0}, file.path()), -EACCES);
  EXPECT_EQ(call(SYS_execve, {in_text, 0, 0}, "/bin/true"), -EACCES);
  const auto tcp = call(SYS_socket, {AF_INET, SOCK_STREAM, 0}, "");
  ASSERT_GE(tcp, 0);
  const auto fd = static_cast<unsigned long>(tcp);
  const std::string any_address("\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);  // AF_INET, a free port
  const std::string loopback("\2\0\0\1\177\0\0\1\0\0\0\0\0\0\0\0", 16);
  EXPECT_EQ(call(SYS_bind, {fd, in_text, 16}, any_address), -EACCES);
  EXPECT_EQ(call(SYS_connect, {fd, in_text, 16}, loopback), -EACCES);
  ClientSocket client_of_it(server->port());
  EXPECT_EQ(echo_through(client_of_it, "y"), "y");
  EXPECT_EQ(server->stop(), 0) << "it still can end its children and itself";
}

TEST_F(SandboxOfAProgram, TheParentKeepsNoneOfRootsCapabilities) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has capabilities to give up";
  for (const bool with_file : {false, true}) {
    const TextFile file("");
    std::vector<std::string> options{"--drain-timeout", "0"};
    if (with_file) options.insert(options.end(), {"--config", file.path()});
    start(options);
    constexpr unsigned long read_any_file = 1UL << 2;  // CAP_DAC_READ_SEARCH
    for (const char* set : {"CapEff", "CapPrm", "CapInh", "CapAmb"}) {
      const auto left = std::stoul(status_of(server->pid(), set), nullptr, 16);
      EXPECT_EQ(left & ~read_any_file, 0U) << set;
      if (!with_file) {
        EXPECT_EQ(left, 0U) << set << ": for the file alone it may read what is others'";
      }
    }
    EXPECT_EQ(status_of(child, "NoNewPrivs"), "1");
    EXPECT_EQ(server->stop(), 0);
  }
}

TEST_F(SandboxOfAProgram, NoChildOutlivesAKilledServer) {
  start();
  for (const char* how : {"running", "stopped"}) {
    if (std::string(how) == "stopped") {
      start();
      ::kill(child, SIGSTOP);
      ASSERT_TRUE(eventually([&] { return status_of(child, "State").starts_with("T"); }));
    }
    server->process().signal(SIGKILL);
    EXPECT_EQ(server->process().wait(), -SIGKILL);
    EXPECT_EQ(client->receive_all(), "") << how;
    // A zombie may wait for whoever reaps orphans here.
    EXPECT_TRUE(eventually([&] {
      const auto state = status_of(child, "State");
      return state.empty() || state.starts_with("Z");
    })) << how;
  }
}

TEST_F(SandboxOfAProgram, WarnsIfTheServerRunsAsRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can stay root";
  const auto warned = [this] { return contains(server->log(), "running as root"); };
  const PublicCopy program(TCPSERVER_PROGRAM);
  start({"--quiet"});
  EXPECT_TRUE(warned()) << server->log();
  start({"--user", "nobody"}, {"env", program.path()});
  EXPECT_FALSE(warned()) << server->log();
}

}  // namespace
