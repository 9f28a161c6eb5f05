#include "programs/daemon.hpp"

// --pid-file, and --user.
namespace {

using namespace harness;

class PidFile : public Daemon {
 protected:
  // A server with this pid file fails to start.
  void expect_refused(const std::string& why) const {
    const auto result = run({TCPSERVER_PROGRAM, "--port", "0", "--pid-file", pid_file.string()});
    EXPECT_TRUE(fails(result, 73, why));
  }
};

// A reader of the file could lock it and prevent a start. The lock counts, not the pid in the file, which may
// belong to any process.
TEST_F(PidFile, IsReadableOnlyByItsOwnerAndItsPidIsNotTrusted) {
  std::ofstream(pid_file) << ::getpid() << "\n";
  ::chmod(pid_file.c_str(), 0644);
  ASSERT_EQ(start().ending, 0);
  EXPECT_EQ(fs::status(pid_file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  stop();
}

// The server may still remove the file after it was confined. It empties a file that it cannot remove.
TEST_F(PidFile, IsEmptiedIfItCannotBeRemoved) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can switch users";
  ServerProcess usual({"-v", "--user", "4711:4712"});
  const auto confinement = [](const std::string& errors) {
    const auto start = errors.find("confined:");
    return errors.substr(start, errors.find('\n', start) - start);
  };
  const auto inner = directory / "closed" / "open";
  fs::create_directories(inner);
  fs::permissions(directory / "closed", fs::perms::owner_all);
  const auto file = inner / "pid";
  for (const bool may_remove : {false, true}) {
    if (may_remove) {
      ASSERT_EQ(::chown(inner.c_str(), 4711, 4712), 0);
    }
    ServerProcess server({"-v", "--user", "4711:4712", "--pid-file", file.string()});
    EXPECT_EQ(confinement(server.log()), confinement(usual.log()));
    EXPECT_EQ(read_text(file), std::to_string(server.pid()) + "\n");
    EXPECT_EQ(server.stop(), 0);
    EXPECT_EQ(fs::exists(file), !may_remove);
    EXPECT_TRUE(may_remove || read_text(file).empty());
  }
}

TEST_F(PidFile, AllowsOneServer) {
  const auto first = start();
  ASSERT_EQ(first.ending, 0);
  const auto owner = "pid " + std::to_string(pid()) + "\n";
  const auto before = read_text(pid_file);
  EXPECT_TRUE(fails(start(), 73, owner));
  expect_refused(owner);
  EXPECT_EQ(read_text(pid_file), before);
  EXPECT_TRUE(eventually([&] { return daemons().size() == 1; })) << "the second has ended";
  EXPECT_TRUE(ClientSocket(announced_port(first.output)).connected()) << "the first continues";
  stop();
}

TEST_F(PidFile, ReplacesTheStalePidOfAKilledServer) {
  ASSERT_EQ(start().ending, 0);
  const pid_t killed = pid();
  stop(SIGKILL);
  const auto next = start();
  EXPECT_EQ(next.ending, 0);
  EXPECT_TRUE(contains(next.errors, "stale pid " + std::to_string(killed)));
  stop();
}

TEST_F(PidFile, RefusesOtherFilesUnchanged) {
  const auto refused = [&](const std::string& why) { expect_refused(pid_file.string() + ": " + why); };
  for (const std::string& text : {std::string("precious\n"), std::string("12 34\n"), std::string("0\n"),
                                  std::string("-5\n"), std::string(40, '1')}) {
    std::ofstream(pid_file) << text;
    refused("does not contain a pid");
    EXPECT_EQ(read_text(pid_file), text);
  }
  fs::remove(pid_file);
  fs::create_symlink(directory / "elsewhere", pid_file);
  refused("is a symbolic link");
  EXPECT_FALSE(fs::exists(directory / "elsewhere"));
  fs::remove(pid_file);
  ASSERT_EQ(::mkfifo(pid_file.c_str(), 0600), 0);
  refused("is not a regular file");
  fs::remove(pid_file);
  fs::create_directory(pid_file);
  refused("Is a directory");
  pid_file = directory / "none" / "pid";
  refused("No such file or directory");
}

// Another user or another hard link could have prepared the file.
TEST_F(PidFile, RefusesAFileOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  for (const char* text : {"", "1\n"}) {
    std::ofstream(pid_file) << text;
    ASSERT_EQ(::chown(pid_file.c_str(), 4711, 4712), 0);
    ASSERT_EQ(::chmod(pid_file.c_str(), 0644), 0);
    expect_refused("user 4711");
    EXPECT_EQ(read_text(pid_file), text);
    fs::remove(pid_file);
  }
}

TEST_F(PidFile, RefusesAFileWithSeveralHardLinks) {
  std::ofstream(pid_file) << "1\n";
  fs::create_hard_link(pid_file, directory / "other name");
  expect_refused("hard link");
  EXPECT_EQ(read_text(directory / "other name"), "1\n");
}

TEST_F(PidFile, IsNotRemovedIfReplaced) {
  ASSERT_EQ(start().ending, 0);
  const pid_t server = pid();
  fs::remove(pid_file);
  std::ofstream(pid_file) << "1\n";
  ::kill(server, SIGTERM);
  ASSERT_TRUE(eventually([&] { return !is_running(server); }));
  EXPECT_EQ(read_text(pid_file), "1\n");
}

class User : public Daemon {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can switch users";
  }
  static void expect_user(pid_t process) {
    EXPECT_EQ(read_proc_status(process, "Uid"), "4711\t4711\t4711\t4711");
    EXPECT_EQ(read_proc_status(process, "Gid"), "4712\t4712\t4712\t4712");
    EXPECT_EQ(read_proc_status(process, "Groups"), "");
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
      EXPECT_EQ(read_proc_status(process, set), "0000000000000000") << set;
    }
    EXPECT_EQ(read_proc_status(process, "NoNewPrivs"), "1");
  }
};

TEST_F(User, IsPermanentInServerAndChildren) {
  for (const char* sandbox : {"on", "off"}) {
    ServerProcess server({"--user", "4711:4712", "--sandbox", sandbox, "--drain-timeout", "0"}, {},
                         {"setpriv", "--groups", "4,24,27", "--inh-caps", "+chown", "--ambient-caps",
                          "+chown", TCPSERVER_PROGRAM});
    expect_user(server.pid());
    auto client = open_session(server);
    expect_user(find_child(server));
    EXPECT_TRUE(contains(server.log(), "running as 4711:4712 (uid 4711, gid 4712)\n"));
    EXPECT_EQ(server.stop(), 0);
  }
}

TEST_F(User, IsSetAfterAPrivilegedPortIsBound) {
  if (find_command("unshare").empty()) GTEST_SKIP() << "unshare is not installed";
  // Port 7 is free in a new network namespace.
  ServerProcess server({"--port", "7", "--user", "4711:4712"}, {}, {"unshare", "--net", TCPSERVER_PROGRAM});
  EXPECT_EQ(server.port(), 7);
  expect_user(server.pid());
  EXPECT_EQ(server.stop(), 0);
}

// The pid file belongs to the user who started the server. The user of --user can only empty it.
TEST_F(User, LeavesThePidFileUsable) {
  ASSERT_EQ(start({"--user", "4711:4712"}).ending, 0);
  stop();
  EXPECT_TRUE(fs::exists(pid_file));
  EXPECT_EQ(read_text(pid_file), "");
  EXPECT_EQ(start({"--user", "4711:4712"}).ending, 0);
  stop(SIGKILL);
  EXPECT_EQ(start({"--user", "4713:4714"}).ending, 0);
  stop();
}

TEST_F(User, RefusesAnUnknownName) {
  EXPECT_TRUE(fails(run({TCPSERVER_PROGRAM, "--user", "no-such-user"}), 67, "unknown user 'no-such-user'"));
}

TEST_F(User, RequiresRoot) {
  if (find_command("setpriv").empty()) GTEST_SKIP() << "setpriv is not installed";
  const PublicCopy program;
  const auto other = program.as_user("4711", "4712");
  EXPECT_TRUE(fails(run(command_line(other, {"--port", "0", "--user", "0"})), 77, "only root can"));
  ServerProcess same({"--user", "4711:4712"}, {}, other);
  EXPECT_EQ(same.stop(), 0);
  std::vector<std::string> in_groups{"setpriv", "--reuid=4711", "--regid=4712", "--groups=4,24"};
  in_groups.push_back(program.path());
  const auto with_groups = run(command_line(in_groups, {"--port", "0", "--user", "4711:4712"}));
  EXPECT_TRUE(fails(with_groups, 77, "supplementary groups"));
  // The two capabilities are enough, and are dropped afterwards.
  in_groups.insert(in_groups.end() - 1,
                   {"--inh-caps", "+setuid,+setgid", "--ambient-caps", "+setuid,+setgid"});
  ServerProcess rich({"--user", "4711:4712", "--sandbox", "off"}, {}, in_groups);
  expect_user(rich.pid());
  EXPECT_EQ(rich.stop(), 0);
}

}  // namespace
