#include "harness/one_session.hpp"
#include "harness/strace.hpp"
#include "harness/temporary_folder.hpp"
#include "harness/text.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace {

using namespace harness;

std::string proc_file(pid_t pid, const char* file) {
  return contents_of("/proc/" + std::to_string(pid) + "/" + file);
}

// The lines of /proc/PID/maps, but that of the page which is the kernel's and in every process.
std::vector<std::string> mappings_of(pid_t pid) {
  std::vector<std::string> lines;
  for (const auto& line : lines_of(proc_file(pid, "maps"))) {
    if (!contains(line, "[vsyscall]")) lines.push_back(line);
  }
  return lines;
}

std::size_t size_of(const std::string& mapping) {
  const auto dash = mapping.find('-');
  return std::stoul(mapping.substr(dash + 1), nullptr, 16) - std::stoul(mapping, nullptr, 16);
}

struct PageFaults {
  unsigned long own = 0;
  unsigned long of_children = 0;  // of those that were waited for
};

// Minor ones: fields 10 and 11 of proc_pid_stat(5).
PageFaults page_faults_of(pid_t pid) {
  const auto stat = proc_file(pid, "stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::array<std::string, 9> values;
  for (auto& value : values) fields >> value;
  return {.own = std::stoul(values[7]), .of_children = std::stoul(values[8])};
}

class SmallChild : public OneSession {
 protected:
  void SetUp() override {
    if (!TCPSERVER_TEST_SMALL_CHILDREN) GTEST_SKIP() << "built without small children";
  }

  void expect_small(pid_t pid) const {
    const auto mappings = mappings_of(pid);
    std::string all;
    for (const auto& line : mappings) all += line + "\n";
    EXPECT_EQ(mappings.size(), 4U) << "its code, its work, the command line, the scoreboard:\n" << all;
    EXPECT_FALSE(contains(all, "[heap]"));
    EXPECT_FALSE(contains(all, "[stack]"));
    const auto is_code = [](const std::string& line) { return contains(line, " r-xp "); };
    ASSERT_EQ(std::count_if(mappings.begin(), mappings.end(), is_code), 1) << all;
    EXPECT_EQ(size_of(*std::find_if(mappings.begin(), mappings.end(), is_code)),
              static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)))
        << all;
  }
};

TEST_F(SmallChild, HasAPageOfCodeAndNothingOfItsParentsData) {
  start();
  expect_small(child);
  EXPECT_GT(mappings_of(server->pid()).size(), 10U) << "its parent keeps what it has";
}

TEST_F(SmallChild, ShowsTheCommandLineOfItsParent) {
  start({"--max-connections", "7"});
  const auto shown = proc_file(server->pid(), "cmdline");
  EXPECT_TRUE(contains(shown, std::string("--max-connections\0007\0", 20)));
  EXPECT_EQ(proc_file(child, "cmdline"), shown);
}

TEST_F(SmallChild, StaysSoAfterAReload) {
  const TextFile config("max-connections = 70\n");
  start({"--config", config.path()});
  config.write("max-connections = 2000\n");  // more records than there were: one mapping more
  server->process().signal(SIGHUP);
  ASSERT_TRUE(server->says("now in force"));
  client->half_close();
  ASSERT_EQ(client->receive_all(), "");
  ASSERT_TRUE(eventually([&] { return children_of(server->pid()).empty(); }));
  open_session();
  EXPECT_EQ(mappings_of(child).size(), 5U) << proc_file(child, "maps");
}

TEST_F(SmallChild, WarnsIfItInheritsServerMemory) {
  const std::string without_proc = "umount -l /proc && exec \"$@\"";
  if (run({"unshare", "--mount", "sh", "-c", without_proc, "sh", "true"}).ending != 0) {
    GTEST_SKIP() << "no right to unmount /proc";
  }
  start({}, {"unshare", "--mount", "sh", "-c", without_proc, "sh"});
  EXPECT_TRUE(contains(server->log(), "children inherit the server's memory"));
  EXPECT_GT(mappings_of(child).size(), 4U);
}

// What a fork costs: each fault is a trip to the kernel, and a page that is filled or copied. A recording's
// place is in the record, which is touched anyway.
class SmallChildFaults : public SmallChild, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Recording, SmallChildFaults, ::testing::Values(false, true),
                         [](const auto& test) { return test.param ? "on" : "off"; });

TEST_P(SmallChildFaults, AreThreeAndItsParentsNone) {
  const TemporaryFolder folder;
  start(GetParam() ? std::vector<std::string>{"--record", folder.path()} : std::vector<std::string>{});
  constexpr unsigned sessions = 100;
  const auto serve = [&] {
    for (unsigned i = 0; i < sessions; ++i) {
      ClientSocket one(server->port());
      ASSERT_TRUE(one.send(std::string(32, 'x')));
      one.half_close();
      ASSERT_EQ(one.receive_all(), std::string(32, 'x'));
    }
    ASSERT_TRUE(eventually([&] { return children_of(server->pid()).size() == 1; }));
  };
  serve();  // what is touched once
  const auto before = page_faults_of(server->pid());
  serve();
  const auto after = page_faults_of(server->pid());
  EXPECT_LE(after.of_children - before.of_children, 3 * sessions);
  EXPECT_LE(after.own - before.own, sessions / 10);
}

// What three page tables above one another cover: the last of 2 MiB. PGD, PUD and PMD are counted, too, but
// for the first (proc_pid_status(5)).
TEST_F(SmallChild, HasItsMemoryCloseTogether) {
  start();
  EXPECT_EQ(status_of(child, "VmPTE"), "12 kB") << proc_file(child, "maps");
}

class SmallChildTraced : public Injection {
 protected:
  void SetUp() override {
    if (!TCPSERVER_TEST_SMALL_CHILDREN) GTEST_SKIP() << "built without small children";
    Injection::SetUp();
  }

  // The system calls of the process that wrote `text`, in their order, by name.
  [[nodiscard]] std::vector<std::string> calls_of_who_wrote(const std::string& text) const {
    const auto lines = lines_of(contents_of(log_path()));
    std::string writer;
    for (const auto& line : lines) {
      if (contains(line, "write(") && contains(line, text)) writer = line.substr(0, line.find(' '));
    }
    std::vector<std::string> names;
    for (const auto& line : lines) {
      std::istringstream words(line);
      std::string pid;
      std::string call;
      words >> pid >> call;
      const auto name = call.substr(0, call.find('('));
      if (pid == writer && call.find('(') != std::string::npos && name != "<...") names.push_back(name);
    }
    return names;
  }

  // Of the child, from its first to its exit: one message, then the client's end.
  std::vector<std::string> calls_of_a_session(const std::vector<std::string>& options) {
    ServerProcess server(options, {}, {"strace", "-D", "-f", "-qq", "-o", log_path()});
    ClientSocket client(server.port());
    EXPECT_TRUE(client.send("counted"));
    client.half_close();
    EXPECT_EQ(client.receive_all(), "counted");
    EXPECT_EQ(server.stop(), 0);
    return calls_of_who_wrote("counted");
  }

  // That a child has open, where the kernel knows no close_range.
  std::size_t descriptors_without_close_range(const std::vector<std::string>& options) {
    ServerProcess server(options, {}, failing("close_range", "error=ENOSYS", {"-f"}));
    ClientSocket client(server.port());
    EXPECT_TRUE(client.send("x"));
    EXPECT_EQ(client.receive(1), "x");
    EXPECT_GE(injected(), 1U);
    const auto children = children_of(server.pid());
    EXPECT_EQ(children.size(), 1U);
    return children.empty() ? 0 : descriptors_of(children[0].pid);
  }
};

using Calls = std::vector<std::string>;

TEST_F(SmallChildTraced, MakesEightSystemCalls) {
  if (under_seccomp_filter()) GTEST_SKIP() << "under a seccomp filter itself: no strict mode here";
  EXPECT_EQ(calls_of_a_session({}),
            (Calls{"close_range", "prctl", "getppid", "prctl", "read", "write", "read", "exit"}));
  const TemporaryFolder folder;
  EXPECT_EQ(calls_of_a_session({"--record", folder.path()}),
            (Calls{"close_range", "prctl", "getppid", "prctl", "read", "write", "write", "read", "exit"}))
      << "one more, which writes to the file";
}

TEST_F(SmallChildTraced, ClosesDescriptorsWithoutCloseRange) {
  EXPECT_EQ(descriptors_without_close_range({}), 1U);
  const TemporaryFolder folder;
  EXPECT_EQ(descriptors_without_close_range({"--record", folder.path()}), 2U);
}

// A descriptor above the connection's, as some programs leave one behind in those that they start.
TEST_F(SmallChild, ClosesWhatIsAboveItsConnection) {
  start({}, {"sh", "-c", "exec \"$@\" 9</dev/null", "sh"});
  ASSERT_GT(descriptors_of(server->pid()), descriptors_of(child));
  EXPECT_EQ(descriptors_of(child), 1U);
}

}  // namespace
