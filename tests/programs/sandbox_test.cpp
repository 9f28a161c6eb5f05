#include "harness/one_session.hpp"
#include "harness/system_call.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace {

using namespace harness;

class SandboxOfAProgram : public OneSession {
 protected:
  // The child makes a call for the test. It has to be interrupted in its read.
  CallResult call(long number, std::array<unsigned long, 6> arguments = {}, const std::string& text = "") {
    EXPECT_TRUE(reaches_state(child, 'S'));
    return call_in(child, number, arguments, text);
  }
};

constexpr const char* cannot_call = "no way to have a process make a call here";

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

// Acts as an attacker in the child. Plain children enter a filter.
TEST_F(SandboxOfAProgram, KillsAChildForEachForbiddenCall) {
  const bool strict_mode_is_used = TCPSERVER_TEST_SMALL_CHILDREN && !under_seccomp_filter();
  struct {
    const char* name;
    std::vector<std::string> wrapper;
    int signal;
  } const sandboxes[] = {{"strict", {}, strict_mode_is_used ? SIGKILL : SIGSYS},
                         {"filter", {UNDER_FILTER_PROGRAM}, SIGSYS},
                         {"plain", {UNDER_FILTER_PROGRAM, "--deny-stack"}, SIGSYS}};
  for (const auto& sandbox : sandboxes) {
    start({}, sandbox.wrapper);
    unsigned long killed = 0;
    for (const auto& forbidden : forbidden_calls) {
      const auto result = call(forbidden.number, forbidden.arguments, "/bin/sh");
      if (!result.possible) GTEST_SKIP() << cannot_call;
      EXPECT_EQ(result.killed_by, sandbox.signal)
          << sandbox.name << ": " << forbidden.name << " = " << result.value;
      if (result.killed_by == sandbox.signal) ++killed;
      client->close();
      ASSERT_TRUE(no_child_is_left());
      open_session();
    }
    const auto status = server->status();
    const auto* const how = sandbox.signal == SIGSYS ? " killed by seccomp;" : " killed;";
    EXPECT_TRUE(contains(status, "ended: " + std::to_string(killed) + how));
    EXPECT_TRUE(echoes(*client));
  }
}

TEST_F(SandboxOfAProgram, AllowsSoLingerInAPlainChild) {
  start({"--sandbox", "on"}, {UNDER_FILTER_PROGRAM, "--deny-stack"});
  const std::string off(8, '\0');
  const std::filesystem::directory_iterator only(proc_directory(child) / "fd");
  const auto connection = std::stoul(only->path().filename());
  const auto result = call(SYS_setsockopt, {connection, SOL_SOCKET, SO_LINGER, in_text, off.size()}, off);
  if (!result.possible) GTEST_SKIP() << cannot_call;
  EXPECT_EQ(result.killed_by, 0);
  EXPECT_EQ(result.value, 0);
}

// Shows that the test above can fail: without a sandbox the child survives the same calls.
TEST_F(SandboxOfAProgram, OffForbidsNothing) {
  start({"--sandbox", "off"});
  EXPECT_EQ(read_proc_status(child, "Seccomp"), "0");
  const auto result = call(SYS_getpid);
  if (!result.possible) GTEST_SKIP() << cannot_call;
  EXPECT_EQ(result.killed_by, 0);
  EXPECT_EQ(result.value, child);
  EXPECT_EQ(echo_through(*client, "y"), "y") << "the session continues";
  EXPECT_TRUE(contains(server->log(), "--sandbox off: "));
}

TEST_F(SandboxOfAProgram, OnFailsWithoutSeccomp) {
  const auto refused =
      run({UNDER_FILTER_PROGRAM, "--deny-seccomp", TCPSERVER_PROGRAM, "--port", "0", "--sandbox", "on"});
  EXPECT_TRUE(fails(refused, 71, "--sandbox on: "));
  EXPECT_TRUE(contains(refused.errors, "seccomp"));
}

TEST_F(SandboxOfAProgram, WarnsOnceWithoutSeccomp) {
  start({}, {UNDER_FILTER_PROGRAM, "--deny-seccomp"});
  EXPECT_EQ(echo_through(*client, "y"), "y");
  ASSERT_TRUE(no_child_is_left());
  open_session();
  EXPECT_EQ(occurrences(server->log(), "children run without a sandbox: "), 1U) << server->log();
  EXPECT_TRUE(contains(server->log(), "Operation not permitted"));
}

// Acts as an attacker in the parent. In the iterative mode the parent itself reads what clients send.
class ConfinedServer : public SandboxOfAProgram, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Modes, ConfinedServer, ::testing::Values("fork", "iterative"),
                         [](const auto& parameter) { return std::string(parameter.param); });

TEST_P(ConfinedServer, CannotWriteExecuteBindOrConnect) {
  server = std::make_unique<ServerProcess>(
      std::vector<std::string>{"-v", "--drain-timeout", "0", "--mode", GetParam()});
  EXPECT_EQ(read_proc_status(server->pid(), "NoNewPrivs"), "1");  // Landlock needs it
  if (!contains(server->log(), "confined: cannot write or execute files, open TCP connections")) {
    GTEST_SKIP() << "this kernel has no Landlock of version 4 or later";
  }
  const TextFile file("secret");
  const auto value = [&](long number, std::array<unsigned long, 6> arguments, const std::string& text) {
    return call_in(server->pid(), number, arguments, text).value;
  };
  const auto at = static_cast<unsigned long>(AT_FDCWD);
  const auto opened = call_in(server->pid(), SYS_openat, {at, in_text, O_RDONLY}, file.path());
  if (!opened.possible) GTEST_SKIP() << cannot_call;
  EXPECT_GE(opened.value, 0) << "a reload reads";
  EXPECT_EQ(value(SYS_openat, {at, in_text, O_WRONLY}, file.path()), -EACCES);
  EXPECT_EQ(value(SYS_openat, {at, in_text, O_WRONLY | O_CREAT, 0600}, file.path() + ".new"), -EACCES);
  EXPECT_EQ(value(SYS_truncate, {in_text, 0}, file.path()), -EACCES);
  EXPECT_EQ(value(SYS_unlinkat, {at, in_text, 0}, file.path()), -EACCES);
  EXPECT_EQ(value(SYS_execve, {in_text, 0, 0}, "/bin/true"), -EACCES);
  const auto tcp = value(SYS_socket, {AF_INET, SOCK_STREAM, 0}, "");
  ASSERT_GE(tcp, 0);
  const auto fd = static_cast<unsigned long>(tcp);
  const std::string any_address("\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);  // AF_INET, a free port
  const std::string loopback("\2\0\0\1\177\0\0\1\0\0\0\0\0\0\0\0", 16);
  EXPECT_EQ(value(SYS_bind, {fd, in_text, 16}, any_address), -EACCES);
  EXPECT_EQ(value(SYS_connect, {fd, in_text, 16}, loopback), -EACCES);
  EXPECT_TRUE(serves(*server));
  EXPECT_EQ(server->stop(), 0) << "it can still end its children and itself";
}

TEST_F(SandboxOfAProgram, ParentDropsCapabilities) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has capabilities";
  const TextFile file("");
  constexpr unsigned long read_any_file = 1UL << 2;  // CAP_DAC_READ_SEARCH
  for (const unsigned long kept : {0UL, read_any_file}) {
    std::vector<std::string> options{"--drain-timeout", "0"};
    if (kept != 0) options.insert(options.end(), {"--config", file.path()});
    start(options);
    for (const char* set : {"CapEff", "CapPrm", "CapInh", "CapAmb"}) {
      EXPECT_EQ(std::stoul(read_proc_status(server->pid(), set), nullptr, 16) & ~kept, 0U) << set;
    }
    EXPECT_EQ(read_proc_status(child, "NoNewPrivs"), "1");
    EXPECT_EQ(server->stop(), 0);
  }
}

TEST_F(SandboxOfAProgram, NoChildOutlivesAKilledServer) {
  for (const bool stopped : {false, true}) {
    start();
    if (stopped) {
      ASSERT_TRUE(freeze(child));
    }
    server->signal(SIGKILL);
    EXPECT_EQ(server->wait(), -SIGKILL);
    EXPECT_EQ(client->receive_all(), "") << stopped;
    EXPECT_TRUE(eventually([&] { return !is_running(child); })) << stopped;
  }
}

TEST_F(SandboxOfAProgram, WarnsIfTheServerRunsAsRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can stay root";
  const PublicCopy program;
  start({"--quiet"});
  EXPECT_TRUE(contains(server->log(), "running as root"));
  start({"--user", "nobody"}, {program.path()});
  EXPECT_FALSE(contains(server->log(), "running as root"));
}

}  // namespace
