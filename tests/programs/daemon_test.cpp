#include "programs/daemon.hpp"

#include "harness/client_socket.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/stalled_reader.hpp"
#include "harness/text.hpp"

#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <system_error>

namespace {

using namespace harness;

// daemon(7), "SysV Daemons", step by step.
// Empty if the descriptor was closed in the meantime: a server that has just started still closes some.
fs::path target_of(const fs::path& descriptor) {
  std::error_code ignored;
  return fs::read_symlink(descriptor, ignored);
}

TEST_F(Daemon, IsAsTheBookSays) {
  const auto started = start();
  ASSERT_EQ(started.ending, 0) << started.errors;
  const auto port = announced_port(started.output);
  ASSERT_NE(port, 0) << started.output;
  EXPECT_NE(started.errors.find("tcpserver: backlog "), std::string::npos) << "said where it was started";

  ASSERT_EQ(daemons(), std::vector{pid()}) << "the starter and the one between are gone";
  const auto proc = "/proc/" + std::to_string(pid());
  EXPECT_NE(::getsid(pid()), ::getsid(0)) << "it has left our session";
  EXPECT_NE(::getsid(pid()), pid()) << "and leads none";
  EXPECT_NE(status_of(pid(), "PPid"), std::to_string(::getpid()));
  EXPECT_EQ(fs::read_symlink(proc + "/cwd"), "/");
  EXPECT_EQ(status_of(pid(), "Umask"), "0000");
  for (const char* fd : {"0", "1", "2"}) EXPECT_EQ(fs::read_symlink(proc + "/fd/" + fd), "/dev/null");
  for (const auto& fd : fs::directory_iterator(proc + "/fd")) {
    EXPECT_EQ(target_of(fd).string().find("pipe:"), std::string::npos) << "nobody waits for its end";
  }
  ClientSocket client(port);
  EXPECT_EQ(echo_through(client, "echo"), "echo");
  stop();
  EXPECT_FALSE(fs::exists(pid_file));
}

TEST_F(Daemon, KeepsNoInheritedDescriptor) {
  std::string line = "exec 9</etc/passwd; exec";
  for (const auto& word : command({})) line += " '" + word + "'";
  ASSERT_EQ(run({"bash", "-c", line}, marked()).ending, 0);
  for (const auto& fd : fs::directory_iterator("/proc/" + std::to_string(pid()) + "/fd")) {
    EXPECT_NE(target_of(fd), "/etc/passwd");
  }
  stop();
}

// What is opened next has their numbers: a log would go to a client.
TEST_F(Daemon, FillsClosedStandardDescriptors) {
  for (const std::string closed : {"<&-", ">&-", "2>&-", "<&- >&- 2>&-"}) {
    std::string line = "exec";
    for (const auto& word : command({"--log", "stderr", "-v"})) line += " '" + word + "'";
    EXPECT_EQ(run({"sh", "-c", line + " " + closed}, marked()).ending, 0) << closed;
    const auto proc = "/proc/" + std::to_string(pid()) + "/fd/";
    for (const char* fd : {"0", "1", "2"}) {
      if (closed.find('2') == std::string::npos && fd[0] == '2') continue;  // the log's
      EXPECT_EQ(fs::read_symlink(proc + fd), "/dev/null") << closed;
    }
    stop();
  }
}

TEST_F(Daemon, ThatCannotListenIsSeenInTheStartersStatus) {
  ServerProcess other({"--bind", "127.0.0.1"});
  const auto port = std::to_string(other.port());
  const auto started = start({"--port", port, "--bind", "127.0.0.1"});
  EXPECT_EQ(started.ending, 69);
  EXPECT_EQ(started.output, "");
  EXPECT_NE(started.errors.find("tcpserver: cannot listen on 127.0.0.1:" + port), std::string::npos)
      << started.errors;
  EXPECT_EQ(occurrences(started.errors, "cannot listen"), 1U) << started.errors;
  EXPECT_TRUE(eventually([&] { return daemons().empty(); }));
  EXPECT_FALSE(fs::exists(pid_file));
}

TEST_F(Daemon, WhoseStarterIsKilledServesNobody) {
  const StalledReader reader;
  auto spawn = marked();
  spawn.output_fd = reader.fd();
  Process starter(command({}), spawn);
  // It waits there until somebody reads its announcement.
  ASSERT_TRUE(eventually([&] { return pid() > 0 && status_of(pid(), "State").starts_with("S"); }));
  starter.signal(SIGKILL);
  EXPECT_EQ(starter.wait(), -SIGKILL);
  reader.read_all();
  EXPECT_TRUE(eventually([&] { return daemons().empty(); }));
  EXPECT_FALSE(fs::exists(pid_file));
}

TEST_F(Daemon, ThatIsKilledInItsStartIsMissed) {
  const StalledReader reader;
  auto spawn = marked();
  spawn.output_fd = reader.fd();
  Process starter(command({}), spawn);
  ASSERT_TRUE(eventually([&] { return pid() > 0; }));
  ::kill(pid(), SIGKILL);
  EXPECT_EQ(starter.wait(), 71);
  EXPECT_TRUE(
      starter.errors().ends_with("tcpserver: the daemon ended before it was ready, and did not say why\n"))
      << starter.errors();
}

// Paths are those of the folder in which it was started, after a SIGHUP too.
TEST_F(Daemon, FindsItsFilesAgainAlthoughItHasLeftTheirFolder) {
  std::ofstream(folder / "conf") << "max-connections = 7\n";
  std::string line = "cd '" + folder.string() +
                     "' && exec '" TCPSERVER_PROGRAM
                     "' -d --port 0 --config conf --pid-file pid --log stderr 2>log";
  ASSERT_EQ(run({"sh", "-c", line}, marked()).ending, 0) << contents_of(folder / "log");
  std::ofstream(folder / "conf") << "max-connections = 8\n";
  ::kill(pid(), SIGHUP);
  EXPECT_TRUE(eventually([&] {
    return contents_of(folder / "log").find("now in force: max-connections 7 -> 8\n") != std::string::npos;
  })) << contents_of(folder / "log");
  stop();
  EXPECT_NE(contents_of(folder / "log").find("tcpserver: stopped: "), std::string::npos);
  EXPECT_FALSE(fs::exists(pid_file));
}

TEST_F(Daemon, DoesNotTakeSocketsOfAServiceManager) {
  const auto started =
      run({"sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" --daemonize", TCPSERVER_PROGRAM});
  EXPECT_EQ(started.ending, 64);
  EXPECT_EQ(
      started.errors,
      "tcpserver: --daemonize: the sockets are a service manager's (LISTEN_FDS), which keeps its programs "
      "in the foreground\n");
}

TEST_F(Daemon, DoesNotLeaveAServiceManagerThatWaitsForIt) {
  if (!TCPSERVER_TEST_LINUX) GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: no service manager is told";
  const auto manager = folder / "notify";
  const auto result = run({"python3", "-c", R"(
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[2]); os.set_inheritable(s.fileno(), True)
os.environ['NOTIFY_SOCKET'] = sys.argv[2]; os.execv(sys.argv[1], [sys.argv[1], '--daemonize']))",
                           TCPSERVER_PROGRAM, manager.string()});
  EXPECT_EQ(result.ending, 64);
  EXPECT_TRUE(result.errors.starts_with("tcpserver: --daemonize: a service manager waits")) << result.errors;
}

TEST_F(Daemon, RefusesRelativePathsWhereItDoesNotKnowItsFolder) {
  const auto result =
      run({"sh", "-c", "mkdir \"$1\" && cd \"$1\" && rmdir \"$1\" && exec \"$0\" -d --port 0 --pid-file pid",
           TCPSERVER_PROGRAM, (folder / "gone").string()},
          marked());
  EXPECT_EQ(result.ending, 64);
  EXPECT_NE(result.errors.find("--config, --pid-file, --metrics-file and --record have to be absolute paths"),
            std::string::npos)
      << result.errors;
}

}  // namespace
