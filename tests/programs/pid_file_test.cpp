#include "harness/proc.hpp"
#include "harness/server_process.hpp"
#include "harness/stalled_reader.hpp"
#include "harness/text.hpp"
#include "programs/daemon.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <fstream>

// --pid-file, and --user.
namespace {

using namespace harness;

using PidFile = Daemon;

// Whoever can read the file could lock it, and keep every server from starting. The lock counts, and not
// the number in it, which may be that of any process by now.
TEST_F(PidFile, IsForItsOwnerAloneAndItsPidIsNotTrusted) {
  std::ofstream(pid_file) << ::getpid() << "\n";
  ::chmod(pid_file.c_str(), 0644);
  ASSERT_EQ(start().ending, 0);
  EXPECT_EQ(fs::status(pid_file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  stop();
}

// The rules that the server is under have an exception for the folder of the file: the one that was opened,
// whatever way leads to it. By it the file is removed, too, or made empty where the folder is another user's.
TEST_F(PidFile, InAFolderThatTheUserCannotReachKeepsNoRightsAndNoPid) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  ServerProcess usual({"-v", "--user", "4711:4712"});
  const auto rights = [](const std::string& errors) {
    const auto start = errors.find("given up for good:");
    return errors.substr(start, errors.find('\n', start) - start);
  };
  const auto folders = folder / "closed" / "open";
  fs::create_directories(folders);
  fs::permissions(folder / "closed", fs::perms::owner_all);
  const auto file = folders / "pid";
  for (const bool may_remove : {false, true}) {
    if (may_remove) {
      ASSERT_EQ(::chown(folders.c_str(), 4711, 4712), 0);
    }
    ServerProcess server({"-v", "--user", "4711:4712", "--pid-file", file.string()});
    EXPECT_EQ(rights(server.log()), rights(usual.process().errors()));
    EXPECT_EQ(contents_of(file), std::to_string(server.pid()) + "\n");
    EXPECT_EQ(server.stop(), 0);
    EXPECT_EQ(fs::exists(file), !may_remove);
    EXPECT_TRUE(may_remove || contents_of(file).empty());
  }
}

TEST_F(PidFile, IsOfOneServerAlone) {
  const auto first = start();
  ASSERT_EQ(first.ending, 0);
  const auto owner = "pid " + std::to_string(pid()) + "\n";
  const auto before = contents_of(pid_file);
  const auto second = start();
  EXPECT_EQ(second.ending, 73);
  EXPECT_TRUE(second.errors.ends_with(owner)) << second.errors;
  const auto third = run({TCPSERVER_PROGRAM, "--port", "0", "--pid-file", pid_file.string()});
  EXPECT_EQ(third.ending, 73);
  EXPECT_TRUE(third.errors.ends_with(owner)) << third.errors;
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
  const auto next = start();
  EXPECT_EQ(next.ending, 0);
  EXPECT_TRUE(contains(next.errors, "taken over from pid " + std::to_string(killed)));
  stop();
}

TEST_F(PidFile, ThatIsSomethingElseIsLeftAlone) {
  const auto refused = [&](const std::string& why) {
    const auto result = run({TCPSERVER_PROGRAM, "--port", "0", "--pid-file", pid_file.string()});
    EXPECT_EQ(result.ending, 73);
    EXPECT_TRUE(contains(result.errors, pid_file.string() + ": " + why));
  };
  for (const std::string& text : {std::string("precious\n"), std::string("12 34\n"), std::string("0\n"),
                                  std::string("-5\n"), std::string(40, '1')}) {
    std::ofstream(pid_file) << text;
    refused("it holds something else than a pid");
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

// Another user or another hard link could have prepared the file.
TEST_F(PidFile, RefusesAFileOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  for (const char* text : {"", "1\n"}) {
    std::ofstream(pid_file) << text;
    ASSERT_EQ(::chown(pid_file.c_str(), 4711, 4712), 0);
    ASSERT_EQ(::chmod(pid_file.c_str(), 0644), 0);
    const auto result = run({TCPSERVER_PROGRAM, "--port", "0", "--pid-file", pid_file.string()});
    EXPECT_EQ(result.ending, 73);
    EXPECT_TRUE(contains(result.errors, "user 4711"));
    EXPECT_EQ(contents_of(pid_file), text);
    fs::remove(pid_file);
  }
}

TEST_F(PidFile, RefusesAFileWithSeveralHardLinks) {
  std::ofstream(pid_file) << "1\n";
  fs::create_hard_link(pid_file, folder / "other name");
  const auto result = run({TCPSERVER_PROGRAM, "--port", "0", "--pid-file", pid_file.string()});
  EXPECT_EQ(result.ending, 73);
  EXPECT_TRUE(contains(result.errors, "hard link"));
  EXPECT_EQ(contents_of(folder / "other name"), "1\n");
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
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
      EXPECT_EQ(status_of(process, set), "0000000000000000") << set;
    }
    EXPECT_EQ(status_of(process, "NoNewPrivs"), "1");
  }
};

TEST_F(User, IsBecomeForGoodByServerAndChildren) {
  for (const char* sandbox : {"on", "off"}) {
    ServerProcess server({"--user", "4711:4712", "--sandbox", sandbox, "--drain-timeout", "0"}, {},
                         {"setpriv", "--groups", "4,24,27", "--inh-caps", "+chown", "--ambient-caps",
                          "+chown", TCPSERVER_PROGRAM});
    expect_nobodys(server.pid());
    auto client = open_session(server);
    const auto children = children_of(server.pid());
    ASSERT_EQ(children.size(), 1U);
    expect_nobodys(children[0].pid);
    EXPECT_TRUE(contains(server.log(), "--user 4711:4712: user 4711, group 4712 from now on\n"));
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

// The pid file belongs to the user who started the server, not to --user.
TEST_F(User, NextServerReusesPidFileOfKilledServer) {
  ASSERT_EQ(start({"--user", "4711:4712"}).ending, 0);
  const pid_t killed = pid();
  ::kill(killed, SIGKILL);
  ASSERT_TRUE(eventually([&] { return !is_running(killed); }));
  EXPECT_EQ(start({"--user", "4713:4714"}).ending, 0);
  stop();
}

TEST_F(User, WhoIsNotKnownIsAnErrorBeforeAnythingIsBound) {
  const auto result = run({TCPSERVER_PROGRAM, "--port", "0", "--user", "no-such-user"});
  EXPECT_EQ(result.ending, 67);
  EXPECT_TRUE(contains(result.errors, "no user 'no-such-user'"));
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
  EXPECT_TRUE(contains(refused.errors, "only root can become another user"));
  ServerProcess same({"--user", "4711:4712"}, {}, other);
  EXPECT_EQ(same.stop(), 0) << "who is that user already has little to do";
  auto with_groups = run({"setpriv", "--reuid", "4711", "--regid", "4712", "--groups", "4,24", program.path(),
                          "--port", "0", "--user", "4711:4712"});
  EXPECT_EQ(with_groups.ending, 77);
  EXPECT_TRUE(contains(with_groups.errors, "further groups"));
  // With the rights to, they are given up, and these rights after them.
  ServerProcess rich({"--user", "4711:4712", "--sandbox", "off"}, {},
                     {"setpriv", "--reuid", "4711", "--regid", "4712", "--groups", "4,24", "--inh-caps",
                      "+setuid,+setgid", "--ambient-caps", "+setuid,+setgid", program.path()});
  expect_nobodys(rich.pid());
  EXPECT_EQ(rich.stop(), 0);
}

}  // namespace
