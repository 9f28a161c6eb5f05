#include "harness/client_socket.hpp"
#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/stalled_reader.hpp"
#include "harness/text.hpp"
#include "harness/text_file.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

using namespace harness;
namespace fs = std::filesystem;

std::string contents_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

bool is_running(pid_t pid) {
  const auto state = status_of(pid, "State");
  return !state.empty() && !state.starts_with("Z");
}

std::uint16_t announced_port(const std::string& output) {
  const std::string announcement = "Server is listening on port ";
  if (!output.starts_with(announcement)) return 0;
  return static_cast<std::uint16_t>(std::atoi(output.c_str() + announcement.size()));
}

// Daemons in a folder of their own. A daemon is nobody's child: it is known by a variable of its environment,
// and ended by that.
class Daemon : public ::testing::Test {
 protected:
  Daemon() {
    char folder_name[] = "/tmp/tcpserver_test.XXXXXX";
    if (::mkdtemp(folder_name) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    folder = folder_name;
    ::chmod(folder_name, 0755);
    pid_file = folder / "pid";
    mark_ = "DAEMON_TEST=" + folder.string();
  }
  ~Daemon() override {
    for (const pid_t pid : daemons()) ::kill(pid, SIGKILL);
    fs::remove_all(folder);
  }

  // What a starter says and how it ends. `options` beside --daemonize, --port 0 and the pid file.
  Finished start(std::vector<std::string> options = {}) { return run(command(std::move(options)), marked()); }
  std::vector<std::string> command(std::vector<std::string> options) const {
    options.insert(options.begin(),
                   {TCPSERVER_PROGRAM, "--daemonize", "--port", "0", "--pid-file", pid_file.string()});
    return options;
  }
  SpawnOptions marked() const { return {.environment = {mark_}}; }
  std::vector<pid_t> daemons() const { return processes_with(mark_); }
  pid_t pid() const { return std::atoi(contents_of(pid_file).c_str()); }
  void stop() {
    const pid_t server = pid();
    ASSERT_GT(server, 1);
    ::kill(server, SIGTERM);
    EXPECT_TRUE(eventually([&] { return !is_running(server); }));
  }

  fs::path folder;
  fs::path pid_file;

 private:
  std::string mark_;
};

// daemon(7), "SysV Daemons", step by step.
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
    EXPECT_EQ(fs::read_symlink(fd).string().find("pipe:"), std::string::npos) << "nobody waits for its end";
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
    EXPECT_NE(fs::read_symlink(fd), "/etc/passwd");
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

using PidFile = Daemon;

// Whoever can read it could lock it, and keep every server from starting.
TEST_F(PidFile, IsForItsOwnerAlone) {
  std::ofstream(pid_file) << "1\n";
  ::chmod(pid_file.c_str(), 0644);
  ASSERT_EQ(start().ending, 0);
  EXPECT_EQ(fs::status(pid_file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  stop();
}

// The rules that the server is under have an exception for the folder of the file; with none to be had, they
// hold all the same.
TEST_F(PidFile, InAFolderThatTheUserCannotEnterKeepsNoRights) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  if (!TCPSERVER_TEST_LINUX) GTEST_SKIP() << "built with TCPSERVER_LINUX=OFF: no Landlock";
  ServerProcess usual({"-v", "--user", "4711:4712"});
  const auto rights = [](const std::string& errors) {
    const auto start = errors.find("given up for good:");
    return errors.substr(start, errors.find('\n', start) - start);
  };
  const auto folders = folder / "closed" / "open";
  fs::create_directories(folders);
  fs::permissions(folder / "closed", fs::perms::owner_all);
  ServerProcess server({"-v", "--user", "4711:4712", "--pid-file", (folders / "pid").string()});
  EXPECT_EQ(rights(server.process().errors()), rights(usual.process().errors()));
}

TEST_F(PidFile, IsOfOneServerAlone) {
  const auto first = start();
  ASSERT_EQ(first.ending, 0);
  const auto line = "tcpserver: --pid-file " + pid_file.string() +
                    ": a server that runs has it already, pid " + std::to_string(pid()) + "\n";
  const auto before = contents_of(pid_file);
  const auto second = start();
  EXPECT_EQ(second.ending, 73);
  EXPECT_TRUE(second.errors.ends_with(line)) << second.errors;
  const auto third = run({TCPSERVER_PROGRAM, "--port", "0", "--pid-file", pid_file.string()});
  EXPECT_EQ(third.ending, 73);
  EXPECT_TRUE(third.errors.ends_with(line)) << third.errors;
  EXPECT_EQ(contents_of(pid_file), before);
  EXPECT_TRUE(eventually([&] { return daemons().size() == 1; })) << "the second is gone when it has said why";
  ClientSocket client(announced_port(first.output));
  EXPECT_EQ(echo_through(client, "echo"), "echo") << "the first goes on";
  stop();
}

TEST_F(PidFile, OfAServerThatWasKilledStopsNobody) {
  ASSERT_EQ(start().ending, 0);
  const pid_t killed = pid();
  ::kill(killed, SIGKILL);
  ASSERT_TRUE(eventually([&] { return !is_running(killed); }));
  EXPECT_EQ(pid(), killed);
  const auto next = start();
  EXPECT_EQ(next.ending, 0);
  EXPECT_NE(next.errors.find("--pid-file: taken over from pid " + std::to_string(killed)), std::string::npos)
      << next.errors;
  EXPECT_EQ(daemons(), std::vector{pid()});
  stop();
}

// The number in a file may be that of anybody by now: the lock is what counts.
TEST_F(PidFile, WithThePidOfAnotherProgramStopsNobody) {
  std::ofstream(pid_file) << ::getpid() << "\n";
  EXPECT_EQ(start().ending, 0);
  EXPECT_NE(pid(), ::getpid());
  stop();
}

TEST_F(PidFile, ThatIsSomethingElseIsLeftAlone) {
  const auto refused = [&](const std::string& why) {
    const auto result = run({TCPSERVER_PROGRAM, "--port", "0", "--pid-file", pid_file.string()});
    EXPECT_EQ(result.ending, 73);
    EXPECT_TRUE(result.errors.ends_with("tcpserver: --pid-file " + pid_file.string() + ": " + why + "\n"))
        << result.errors;
  };
  for (const std::string& text : {std::string("precious\n"), std::string("12 34\n"), std::string("0\n"),
                                  std::string("-5\n"), std::string(40, '1')}) {
    std::ofstream(pid_file) << text;
    refused("it holds something else than a pid, and stays as it is");
    EXPECT_EQ(contents_of(pid_file), text);
  }
  fs::remove(pid_file);
  fs::create_symlink(folder / "elsewhere", pid_file);
  refused("it is a symbolic link");
  EXPECT_FALSE(fs::exists(folder / "elsewhere"));
  fs::remove(pid_file);
  ASSERT_EQ(::mkfifo(pid_file.c_str(), 0600), 0);
  refused("it is not a regular file");
  fs::remove(pid_file);
  fs::create_directory(pid_file);
  refused("Is a directory");
  pid_file = folder / "none" / "pid";
  refused("No such file or directory");
}

TEST_F(PidFile, IsNotRemovedWhereSomebodyHasPutAnotherInItsPlace) {
  ASSERT_EQ(start().ending, 0);
  const pid_t server = pid();
  fs::remove(pid_file);
  std::ofstream(pid_file) << "1\n";
  ::kill(server, SIGTERM);
  ASSERT_TRUE(eventually([&] { return !is_running(server); }));
  EXPECT_EQ(contents_of(pid_file), "1\n");
}

class User : public Daemon {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  }
  static void expect_nobodys(pid_t process) {
    EXPECT_EQ(status_of(process, "Uid"), "4711\t4711\t4711\t4711");
    EXPECT_EQ(status_of(process, "Gid"), "4712\t4712\t4712\t4712");
    EXPECT_EQ(status_of(process, "Groups"), "");
    if (!TCPSERVER_TEST_LINUX) return;
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
      EXPECT_EQ(status_of(process, set), "0000000000000000") << set;
    }
    EXPECT_EQ(status_of(process, "NoNewPrivs"), "1");
  }
};

TEST_F(User, IsBecomeForGoodByServerAndChildren) {
  for (const char* sandbox : {"on", "off"}) {
    if (!TCPSERVER_TEST_LINUX && std::string(sandbox) == "on") continue;
    ServerProcess server({"--user", "4711:4712", "--sandbox", sandbox, "--drain-timeout", "0"}, {},
                         {"setpriv", "--groups", "4,24,27", "--inh-caps", "+chown", "--ambient-caps",
                          "+chown", TCPSERVER_PROGRAM});
    expect_nobodys(server.pid());
    ClientSocket client(server.port());
    ASSERT_TRUE(client.send("x"));
    ASSERT_EQ(client.receive(1), "x");
    const auto children = children_of(server.pid());
    ASSERT_EQ(children.size(), 1U);
    expect_nobodys(children[0].pid);
    EXPECT_NE(server.process().errors().find("--user 4711:4712: user 4711, group 4712 from now on\n"),
              std::string::npos);
    EXPECT_EQ(server.stop(), 0);
  }
}

TEST_F(User, IsBecomeAfterAPrivilegedPortIsBound) {
  if (find_command("unshare").empty()) GTEST_SKIP() << "unshare is not installed";
  // In a network of its own, where port 7 is free.
  Process server({"unshare", "--net", TCPSERVER_PROGRAM, "--port", "7", "--user", "4711:4712"});
  ASSERT_TRUE(server.read_output_until([](const std::string& text) {
    return text == "Server is listening on port 7\n";
  })) << server.errors();
  expect_nobodys(server.pid());
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

TEST_F(User, MayNotRemoveThePidFileOfRootAndEmptiesIt) {
  ASSERT_EQ(start({"--user", "4711:4712"}).ending, 0);
  stop();
  EXPECT_TRUE(fs::exists(pid_file));
  EXPECT_EQ(contents_of(pid_file), "");
  EXPECT_EQ(start({"--user", "4711:4712"}).ending, 0) << "which stops nobody";
  stop();
}

TEST_F(User, WhoIsNotKnownIsAnErrorBeforeAnythingIsBound) {
  const auto result = run({TCPSERVER_PROGRAM, "--port", "0", "--user", "no-such-user"});
  EXPECT_EQ(result.ending, 67);
  EXPECT_EQ(result.errors, "tcpserver: --user: no user 'no-such-user' in /etc/passwd, and no number\n");
}

TEST_F(User, IsNotForThoseWhoAreNotRoot) {
  if (find_command("setpriv").empty()) GTEST_SKIP() << "setpriv, which gives up root, is not installed";
  const PublicCopy program(TCPSERVER_PROGRAM);
  const std::vector<std::string> other{"setpriv", "--reuid",        "4711",        "--regid",
                                       "4712",    "--clear-groups", program.path()};
  auto command = other;
  command.insert(command.end(), {"--port", "0", "--user", "0"});
  const auto refused = run(command);
  EXPECT_EQ(refused.ending, 77);
  EXPECT_TRUE(refused.errors.ends_with("tcpserver: --user: only root can become another user\n"))
      << refused.errors;
  ServerProcess same({"--user", "4711:4712"}, {}, other);
  EXPECT_EQ(same.stop(), 0) << "who is that user already has little to do";
  auto with_groups = run({"setpriv", "--reuid", "4711", "--regid", "4712", "--groups", "4,24", program.path(),
                          "--port", "0", "--user", "4711:4712"});
  EXPECT_EQ(with_groups.ending, 77);
  EXPECT_TRUE(with_groups.errors.ends_with(
      "tcpserver: --user: it has further groups, and only root can give them up\n"))
      << with_groups.errors;
  // With the rights to, they are given up, and these rights after them.
  ServerProcess rich({"--user", "4711:4712", "--sandbox", "off"}, {},
                     {"setpriv", "--reuid", "4711", "--regid", "4712", "--groups", "4,24", "--inh-caps",
                      "+setuid,+setgid", "--ambient-caps", "+setuid,+setgid", program.path()});
  expect_nobodys(rich.pid());
  EXPECT_EQ(rich.stop(), 0);
}

}  // namespace
