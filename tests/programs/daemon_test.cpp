#include "programs/daemon.hpp"

#include "harness/stalled_reader.hpp"
#include "harness/strace.hpp"

#include <optional>
#include <set>
#include <system_error>

namespace {

using namespace harness;

// Returns the targets of all descriptors. A server that has just started may still close some.
std::set<std::string> find_open_files(pid_t pid) {
  std::set<std::string> files;
  std::error_code closed;
  for (const auto& fd : fs::directory_iterator(proc_directory(pid) / "fd")) {
    files.insert(fs::read_symlink(fd, closed));
  }
  return files;
}

// The steps of daemon(7), "SysV Daemons".
TEST_F(Daemon, FollowsTheStepsOfDaemon7) {
  const auto started = start();
  ASSERT_EQ(started.ending, 0) << started.errors;
  const auto port = announced_port(started.output);
  ASSERT_NE(port, 0) << started.output;
  EXPECT_TRUE(contains(started.errors, "tcpserver: listen queue: "));
  EXPECT_TRUE(contains(started.errors, "as pid " + std::to_string(pid()) + "; the log goes to syslog\n"));

  ASSERT_EQ(daemons(), std::vector{pid()}) << "the launching and the intermediate process have ended";
  EXPECT_NE(::getsid(pid()), ::getsid(0)) << "it has left our session";
  EXPECT_NE(::getsid(pid()), pid()) << "and is no session leader";
  EXPECT_NE(read_proc_status(pid(), "PPid"), std::to_string(::getpid()));
  EXPECT_EQ(fs::read_symlink(proc_directory(pid()) / "cwd"), "/");
  EXPECT_EQ(read_proc_status(pid(), "Umask"), "0000");
  for (const char* fd : {"0", "1", "2"}) {
    EXPECT_EQ(fs::read_symlink(proc_directory(pid()) / "fd" / fd), "/dev/null");
  }
  EXPECT_TRUE(eventually([&] {
    const auto files = find_open_files(pid());
    return std::none_of(files.begin(), files.end(),
                        [](const auto& file) { return file.starts_with("pipe:"); });
  })) << "it closes its copy of standard error after the report";
  EXPECT_TRUE(ClientSocket(port).connected());
  stop();
  EXPECT_FALSE(fs::exists(pid_file));
}

// Such as a pipe to a program that reads nothing yet.
TEST_F(Daemon, AnnouncesLaterIfStandardOutputIsFull) {
  const StalledReader reader;
  Process command(Daemon::command({"--log", "stderr"}),
                  {.environment = marked().environment, .output_fd = reader.fd()});
  EXPECT_EQ(command.wait(), 0);
  const auto pipe = fs::read_symlink(proc_directory(::getpid()) / "fd" / std::to_string(reader.fd()));
  EXPECT_TRUE(find_open_files(pid()).contains(pipe));
  std::string output = reader.read_all();
  EXPECT_TRUE(
      eventually([&] { return contains(output += reader.read_all(), "Server is listening on port "); }));
  EXPECT_TRUE(eventually([&] { return !find_open_files(pid()).contains(pipe); }))
      << "it closes its duplicate of standard output";
  stop();
}

TEST_F(Daemon, KeepsNoInheritedDescriptor) {
  ASSERT_EQ(start_by_shell("exec 9</etc/passwd; exec \"$0\" \"$@\"").ending, 0);
  EXPECT_FALSE(find_open_files(pid()).contains("/etc/passwd"));
  stop();
}

// Otherwise the next open files get these numbers, and the log could go to a client.
TEST_F(Daemon, FillsClosedStandardDescriptors) {
  for (const std::string closed : {"<&-", ">&-", "2>&-", "<&- >&- 2>&-"}) {
    EXPECT_EQ(start_by_shell("exec \"$0\" \"$@\" " + closed, {"--log", "stderr", "-v"}).ending, 0) << closed;
    for (const char* fd : {"0", "1", "2"}) {
      if (!contains(closed, "2") && fd[0] == '2') continue;  // the log's
      EXPECT_EQ(fs::read_symlink(proc_directory(pid()) / "fd" / fd), "/dev/null") << closed;
    }
    stop();
  }
}

TEST_F(Daemon, ReportsAFailedStartInTheExitStatus) {
  ServerProcess other({"--bind", "127.0.0.1"});
  const auto started = start({"--port", std::to_string(other.port()), "--bind", "127.0.0.1"});
  EXPECT_TRUE(fails(started, 69, "cannot listen"));
  EXPECT_EQ(occurrences(started.errors, "cannot listen"), 1U) << started.errors;
  EXPECT_TRUE(eventually([&] { return daemons().empty(); }));
  EXPECT_FALSE(fs::exists(pid_file));
}

// A daemon that takes a second to write its first metrics. Its pid file is written before.
class StartingDaemon : public Daemon {
 protected:
  void SetUp() override {
    if (const auto problem = find_trace_problem(); !problem.empty()) GTEST_SKIP() << problem;
    auto words = command({"--metrics-file", directory / "metrics"});
    words.insert(words.begin(), {"strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=/^rename", "-e",
                                 "inject=/^rename:delay_enter=1000000"});
    starter.emplace(words, SpawnOptions{.environment = {marked().environment[0], no_leak_check}});
    ASSERT_TRUE(eventually([&] { return pid() > 0; }));
  }

  std::optional<Process> starter;
};

TEST_F(StartingDaemon, EndsIfItsLauncherIsKilled) {
  starter->signal(SIGKILL);
  EXPECT_EQ(starter->wait(), -SIGKILL);
  EXPECT_TRUE(eventually([&] { return daemons().empty(); }));
  EXPECT_FALSE(fs::exists(pid_file));
}

TEST_F(StartingDaemon, IsReportedIfKilled) {
  ::kill(pid(), SIGKILL);
  EXPECT_EQ(starter->wait(), 71);
  EXPECT_TRUE(contains(starter->errors(), "ended before it was ready"));
}

// Relative paths stay valid after the change of directory, even at a reload.
TEST_F(Daemon, KeepsRelativePathsValid) {
  const auto log_shows = [&](const char* part) {
    return eventually([&] { return contains(read_text(directory / "log"), part); });
  };
  std::ofstream(directory / "conf") << "max-connections = 7\n";
  const std::string in_directory =
      "cd '" + directory.string() + "' && exec \"$0\" -d --port 0 --pid-file pid ";
  ASSERT_EQ(start_by_shell(in_directory + "--config conf --log stderr 2>log").ending, 0);
  std::ofstream(directory / "conf") << "max-connections = 8\n";
  ::kill(pid(), SIGHUP);
  EXPECT_TRUE(log_shows("max-connections 7 -> 8\n")) << read_text(directory / "log");
  stop();
  EXPECT_TRUE(log_shows("tcpserver: stopped: "));
  EXPECT_FALSE(fs::exists(pid_file));
}

TEST_F(Daemon, RefusesSocketsOfAServiceManager) {
  const auto* const script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" --daemonize";
  EXPECT_TRUE(fails(start_by_shell(script), 64, "LISTEN_FDS"));
}

TEST_F(Daemon, RefusesRelativePathsInAnUnknownDirectory) {
  const auto gone = (directory / "gone").string();
  const auto result = start_by_shell("mkdir " + gone + " && cd " + gone + " && rmdir " + gone +
                                     " && exec \"$0\" -d --pid-file pid");
  EXPECT_TRUE(fails(result, 64, "absolute paths"));
}

}  // namespace
