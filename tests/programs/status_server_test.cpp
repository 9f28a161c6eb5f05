#include "harness/json.hpp"
#include "harness/own_server.hpp"
#include "programs/status.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

// The choice of the server that --status shows, and permissions.
namespace {

using namespace harness;
namespace fs = std::filesystem;

// Expects one server with one client, which has sent this many bytes.
void expect_client(const Shown& status, const std::string& bytes) {
  ASSERT_EQ(status.rows.size(), 1U) << status.finished.output << status.finished.errors;
  EXPECT_EQ(status.rows[0].in, bytes);
}

TEST(Status, ShowsOnlyTheAddressesOfBind) {
  ServerProcess one({"--bind", "127.0.0.1"});
  const auto port = std::to_string(one.port());
  ServerProcess other({"--port", port, "--bind", "127.0.0.2"});
  const auto status = shown({"--port", port, "--bind", "127.0.0.2"});
  EXPECT_EQ(status.finished.ending, 0) << status.finished.errors;
  EXPECT_TRUE(contains(status.head.at(0), "tcpserver, pid " + std::to_string(other.pid()) + ":"));
  EXPECT_EQ(occurrences(status.finished.output, "tcpserver, pid "), 1U);
  const auto none = shown({"--port", port, "--bind", "127.0.0.3"}).finished;
  EXPECT_TRUE(fails(none, 69, "127.0.0.3:" + port));
  const auto both = shown({"--port", port});
  EXPECT_EQ(occurrences(both.finished.output, "tcpserver, pid "), 2U) << both.finished.output;
}

TEST(Status, NamesOtherPrograms) {
  const OwnListener listener;
  const auto status = shown({"--port", listener.port()}).finished;
  EXPECT_TRUE(fails(status, 69, "programs_test (pid " + std::to_string(::getpid()) + ")"));
}

TEST(Status, RefusesPortZero) {
  EXPECT_EQ(shown({"--port", "0"}).finished.ending, 64);
}

TEST(Status, NeedsStandardOutput) {
  ServerProcess server;
  const auto command = std::string(TCPSERVER_PROGRAM) + " --status --port " + std::to_string(server.port());
  for (const char* output : {" >&-", " >/dev/full"})
    EXPECT_EQ(run({"sh", "-c", command + output}).ending, 74);
}

// True if --status shows this state of a server, now or soon, with the matching exit status.
::testing::AssertionResult shows_state(const std::vector<std::string>& options, const std::string& state) {
  Shown status;
  const bool shows = eventually([&] {
    status = shown(options);
    return !status.head.empty() && contains(status.head[0], ": " + state + ", ");
  });
  const Ending expected = state == "serving" ? 0 : 69;
  return ::testing::AssertionResult(shows && status.finished.ending == expected)
         << status.finished.ending << ": " << status.finished.output << status.finished.errors;
}

TEST(Status, NamesASuspendedServer) {
  ServerProcess server;
  const std::vector<std::string> options{"--port", std::to_string(server.port())};
  EXPECT_TRUE(shows_state(options, "serving"));
  server.signal(SIGSTOP);
  EXPECT_TRUE(shows_state(options, "suspended"));
  server.signal(SIGCONT);
  EXPECT_TRUE(shows_state(options, "serving"));
}

TEST(Status, NamesAServerInAFrozenCgroup) {
  const TemporaryDirectory unique;
  fs::path mount = "/sys/fs/cgroup";
  if (!fs::exists(mount / "cgroup.procs")) mount /= "unified";
  const auto cgroup = mount / fs::path(unique.path()).filename();
  std::error_code error;
  if (!fs::create_directory(cgroup, error)) GTEST_SKIP() << "cannot create a cgroup: " << error.message();
  {
    ServerProcess server;
    std::ofstream(cgroup / "cgroup.procs") << server.pid();
    std::ofstream(cgroup / "cgroup.freeze") << 1;
    EXPECT_TRUE(shows_state({"--port", std::to_string(server.port())}, "suspended"));
    std::ofstream(cgroup / "cgroup.freeze") << 0;
    EXPECT_TRUE(shows_state({"--port", std::to_string(server.port())}, "serving"));
  }
  EXPECT_TRUE(eventually([&] { return fs::remove(cgroup, error); })) << error.message();
}

// Its listeners are closed, so only its sessions lead to it.
TEST(Status, FindsADrainingServerByItsPort) {
  for (const char* mode : {"fork", "iterative"}) {
    ServerProcess server({"--mode", mode, "--bind", "127.0.0.1"});
    const auto client = client_with_bytes(server.port(), 3);
    const std::vector<std::string> options{"--port", std::to_string(server.port())};
    server.signal(SIGTERM);
    EXPECT_TRUE(shows_state(options, "stopping")) << mode;
    expect_client(shown(options), "3");
    const auto elsewhere = shown({options[0], options[1], "--bind", "127.0.0.2"});
    EXPECT_EQ(elsewhere.finished.output, "");
    const auto json = shown({options[0], options[1], "--log-format", "json"}).finished;
    EXPECT_EQ(Json(json.output).values("servers.*.state"), "stopping");
    EXPECT_EQ(json.ending, 69);
    // A new server on the same port is shown, too, and serves all clients.
    ServerProcess successor({options[0], options[1], "--bind", "127.0.0.1"});
    const auto both = shown(options).finished;
    EXPECT_EQ(occurrences(both.output, ": serving, "), 1U) << both.output;
    EXPECT_EQ(occurrences(both.output, ": stopping, "), 1U) << both.output;
    EXPECT_EQ(both.ending, 0);
  }
}

class StatusByPidFile : public ::testing::Test {
 protected:
  const TemporaryDirectory directory;
  const std::string pid_file = directory.path() + "/pid";
};

TEST_F(StatusByPidFile, NeedsNoPort) {
  ServerProcess server({"--pid-file", pid_file});
  ServerProcess other;
  const auto client = client_with_bytes(server.port(), 3);
  for (const char* port : {"0", "1"}) {
    const auto status = shown({"--pid-file", pid_file, "--port", port});
    expect_client(status, "3");
    EXPECT_TRUE(contains(status.head.at(2), ":" + std::to_string(server.port()) + ","));
  }
  EXPECT_TRUE(fs::exists(pid_file)) << "it stays";
}

TEST_F(StatusByPidFile, ShowsAServerThatDrains) {
  ServerProcess server({"--pid-file", pid_file, "--drain-timeout", "60s"});
  auto client = client_with_bytes(server.port(), 3);
  server.signal(SIGTERM);
  Shown status;
  EXPECT_TRUE(eventually([&] {
    status = shown({"--pid-file", pid_file});
    return contains(status.head.at(0), ": stopping, 1 session");
  })) << status.finished.output;
  EXPECT_EQ(status.finished.ending, 69);
  expect_client(status, "3");
  client.close();
  EXPECT_EQ(server.wait(), 0);
}

// A process with the name of the server locks the file, as the server does before it listens, and stays.
TEST_F(StatusByPidFile, DistinguishesStartingFromStopping) {
  const int fd = ::open(pid_file.c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_GE(fd, 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_NAME, "tcpserver");
    struct flock lock {};
    lock.l_type = F_WRLCK;
    if (::fcntl(fd, F_SETLK, &lock) == 0) ::pause();
    ::_exit(1);
  }
  Shown status;
  const auto shows = [&](const std::string& state) {
    return eventually([&] {
      status = shown({"--pid-file", pid_file});
      return !status.head.empty() && contains(status.head[0], ": " + state + ", 0 sessions");
    });
  };
  EXPECT_TRUE(shows("starting")) << status.finished.errors;
  EXPECT_EQ(status.finished.ending, 69);
  std::ofstream(pid_file) << child << "\n";  // the end of a start
  EXPECT_TRUE(shows("stopping")) << status.finished.errors;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(fd);
}

TEST_F(StatusByPidFile, FailsWithoutAServer) {
  const auto* const said = "no server is running with --pid-file";
  EXPECT_TRUE(fails(shown({"--pid-file", pid_file}).finished, 69, said));
  EXPECT_FALSE(fs::exists(pid_file)) << "it creates none";
  std::ofstream(pid_file) << ::getpid() << "\n";
  EXPECT_TRUE(fails(shown({"--pid-file", pid_file}).finished, 69, said)) << "the lock counts";
}

class StatusOfAnotherUser : public StatusByPidFile {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || find_command("setpriv").empty()) GTEST_SKIP() << "needs root and setpriv";
  }
  const PublicCopy program;
};

TEST_F(StatusOfAnotherUser, NeedsReadPermissionForThePidFile) {
  fs::permissions(directory.path(), fs::perms(0755));
  ServerProcess server({"--pid-file", pid_file});
  const auto status = shown({"--pid-file", pid_file}, program.as_user()).finished;
  EXPECT_EQ(status.ending, 77);
  EXPECT_EQ(split_lines(status.errors).size(), 1U) << status.errors;
}

TEST_F(StatusOfAnotherUser, NeedsPermission) {
  ServerProcess of_root;
  const auto port = std::to_string(of_root.port());
  const auto refused = shown({"--port", port}, program.as_user()).finished;
  EXPECT_TRUE(fails(refused, 77, "cannot see the process that listens on port " + port));

  OwnListener free;
  free.close();
  const std::string advice = "run as root to see a server of another user that is stopping";
  const auto none = shown({"--port", free.port()}, program.as_user()).finished;
  EXPECT_TRUE(fails(none, 69, advice));
  EXPECT_FALSE(contains(shown({"--port", free.port()}).finished.errors, advice));

  ServerProcess of_nobody({}, {}, program.as_user());
  const auto client = client_with_bytes(of_nobody.port(), 9);
  for (const auto& wrapper : {std::vector<std::string>{}, program.as_user()}) {
    expect_client(shown({"--port", std::to_string(of_nobody.port())}, wrapper), "9");
  }
}

// The kernel lets only root inspect a process that has switched users.
TEST_F(StatusOfAnotherUser, ShowsAServerThatSwitchedUsers) {
  ServerProcess server({"--user", "65534:65534"});
  const auto client = client_with_bytes(server.port(), 9);
  expect_client(shown_on(server.port()), "9");
}

// As with systemd, the creator of the socket keeps it, and is the server's parent. The server may have
// another name.
TEST(Status, FindsTheServerBehindASharedSocket) {
  const TemporaryDirectory directory;
  for (const char* name : {"tcpserver", "echod"}) {
    fs::create_symlink(TCPSERVER_PROGRAM, directory.path() + "/" + name);
    const OwnListener listener;
    const std::string script = "link=$0/$1; shift 2; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$link\" \"$@\"";
    ServerProcess server({}, {.inherited = {listener.fd()}}, {"sh", "-c", script, directory.path(), name});
    const auto client = client_with_bytes(server.port(), 4);
    const auto status = shown({"--port", listener.port()});
    expect_client(status, "4");
    EXPECT_EQ(occurrences(status.finished.output, "tcpserver, pid "), 1U);
    EXPECT_TRUE(contains(status.head.at(0), "tcpserver, pid " + std::to_string(server.pid()) + ":"));
  }
}

}  // namespace
