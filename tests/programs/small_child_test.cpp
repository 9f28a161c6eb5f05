#include "harness/one_session.hpp"
#include "harness/strace.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace {

using namespace harness;

std::string proc_file(pid_t pid, const char* file) {
  return read_text(proc_directory(pid) / file);
}

// The lines of /proc/PID/maps without the kernel's page.
std::vector<std::string> read_mappings(pid_t pid) {
  std::vector<std::string> lines;
  for (const auto& line : split_lines(proc_file(pid, "maps"))) {
    if (!contains(line, "[vsyscall]")) lines.push_back(line);
  }
  return lines;
}

struct PageFaults {
  unsigned long own = 0;
  unsigned long of_children = 0;  // those that were waited for
};

// The minor faults: fields 10 and 11 of proc_pid_stat(5).
PageFaults read_page_faults(pid_t pid) {
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
};

TEST_F(SmallChild, HasOnePageOfCodeAndNoDataOfItsParent) {
  start();
  const auto mappings = read_mappings(child);
  const auto all = proc_file(child, "maps");
  EXPECT_EQ(mappings.size(), 4U) << "its code, its work, the command line, the scoreboard:\n" << all;
  EXPECT_FALSE(contains(all, "[heap]"));
  EXPECT_FALSE(contains(all, "[stack]"));
  ASSERT_EQ(occurrences(all, " r-xp "), 1U) << all;
  const auto code = split_lines(all.substr(all.rfind('\n', all.find(" r-xp ")) + 1)).at(0);
  const auto end = std::stoul(code.substr(code.find('-') + 1), nullptr, 16);
  EXPECT_EQ(end - std::stoul(code, nullptr, 16), static_cast<unsigned long>(::sysconf(_SC_PAGESIZE)));
  EXPECT_GT(read_mappings(server->pid()).size(), 10U) << "its parent keeps what it has";
}

TEST_F(SmallChild, ShowsTheCommandLineOfItsParent) {
  start({"--max-connections", "7"});
  const auto shown = proc_file(server->pid(), "cmdline");
  EXPECT_TRUE(contains(shown, std::string("--max-connections\0007\0", 20)));
  EXPECT_EQ(proc_file(child, "cmdline"), shown);
}

TEST_F(SmallChild, StaysSmallAfterAReload) {
  const TextFile config("max-connections = 70\n");
  start({"--config", config.path()});
  // The new records need another mapping.
  ASSERT_TRUE(server->reload(config, "max-connections = 2000\n", "reload: changed"));
  client->close();
  ASSERT_TRUE(no_child_is_left());
  open_session();
  EXPECT_EQ(read_mappings(child).size(), 5U) << proc_file(child, "maps");
}

TEST_F(SmallChild, WarnsIfItInheritsServerMemory) {
  const std::string without_proc = "umount -l /proc && exec \"$@\"";
  if (run({"unshare", "--mount", "sh", "-c", without_proc, "sh", "true"}).ending != 0) {
    GTEST_SKIP() << "no right to unmount /proc";
  }
  start({}, {"unshare", "--mount", "sh", "-c", without_proc, "sh"});
  EXPECT_TRUE(contains(server->log(), "children inherit the server's memory"));
  EXPECT_GT(read_mappings(child).size(), 4U);
}

// Faults are the cost of a fork: at each one, the kernel fills or copies a page.
class SmallChildFaults : public SmallChild, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Recording, SmallChildFaults, ::testing::Values(false, true),
                         [](const auto& test) { return test.param ? "on" : "off"; });

TEST_P(SmallChildFaults, AreThreePerChildAndNoneInTheParent) {
  const TemporaryDirectory directory;
  start(GetParam() ? std::vector<std::string>{"--record", directory.path()} : std::vector<std::string>{});
  constexpr unsigned sessions = 100;
  const auto serve = [&] {
    for (unsigned i = 0; i < sessions; ++i) ASSERT_TRUE(serves(*server));
    ASSERT_TRUE(eventually([&] { return find_children(server->pid()).size() == 1; }));
  };
  serve();  // touches what is touched once
  const auto before = read_page_faults(server->pid());
  serve();
  const auto after = read_page_faults(server->pid());
  EXPECT_LE(after.of_children - before.of_children, 3 * sessions);
  EXPECT_LE(after.own - before.own, sessions / 10);
}

// Three page tables: all mappings are within 2 MiB (VmPTE, proc_pid_status(5)).
TEST_F(SmallChild, HasItsMemoryInOneBlock) {
  start();
  EXPECT_EQ(read_proc_status(child, "VmPTE"), "12 kB") << proc_file(child, "maps");
}

using Calls = std::vector<std::string>;

class SmallChildTraced : public Injection {
 protected:
  void SetUp() override {
    if (!TCPSERVER_TEST_SMALL_CHILDREN) GTEST_SKIP() << "built without small children";
    Injection::SetUp();
  }

  // The names of a child's system calls: one message, then the client's end.
  static Calls calls_of_a_session(const std::vector<std::string>& options) {
    const TemporaryDirectory directory;  // a file for each process
    ServerProcess server(options, {}, {"strace", "-D", "-ff", "-qq", "-o", directory.path() + "/log"});
    EXPECT_TRUE(serves(server));
    EXPECT_EQ(server.stop(), 0);
    Calls calls;
    for (const auto& file : std::filesystem::directory_iterator(directory.path())) {
      const auto text = read_text(file);
      if (!contains(text, "served")) continue;
      for (const auto& line : split_lines(text)) calls.push_back(line.substr(0, line.find('(')));
    }
    return calls;
  }
};

// Returns the size of the largest private mapping that can be written.
unsigned long largest_private_mapping(pid_t pid) {
  unsigned long largest = 0;
  for (const auto& line : read_mappings(pid)) {
    if (!contains(line, " rw-p ")) continue;
    std::size_t digits = 0;
    const auto begin = std::stoul(line, &digits, 16);
    largest = std::max(largest, std::stoul(line.substr(digits + 1), nullptr, 16) - begin);
  }
  return largest;
}

// The table of slots has the addresses of all clients. With so many slots nothing else is as large.
TEST_F(SmallChildTraced, FallbackToPlainChildrenHidesTheSlots) {
  ServerProcess server =
      start({"--sandbox", "off", "--max-connections", "1000000"}, "exit", "signal=KILL:when=1", {"-f"});
  ASSERT_TRUE(server.says("the test child failed"));
  const auto client = open_session(server);
  EXPECT_TRUE(contains(proc_file(find_child(server), "maps"), "[heap]")) << "a plain child";
  constexpr unsigned long table_size = 50UL << 20;
  EXPECT_GT(largest_private_mapping(server.pid()), table_size);
  EXPECT_LT(largest_private_mapping(find_child(server)), table_size);
}

TEST_F(SmallChildTraced, MakesEightSystemCalls) {
  if (under_seccomp_filter()) GTEST_SKIP() << "under a seccomp filter itself: no strict mode here";
  EXPECT_EQ(calls_of_a_session({}),
            (Calls{"close_range", "prctl", "getppid", "prctl", "read", "write", "read", "exit"}));
  const TemporaryDirectory directory;
  EXPECT_EQ(calls_of_a_session({"--record", directory.path()}),
            (Calls{"close_range", "prctl", "getppid", "prctl", "read", "write", "write", "read", "exit"}))
      << "one more, which writes to the file";
}

}  // namespace
