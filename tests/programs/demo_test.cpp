#include "harness/proc.hpp"
#include "harness/temporary_folder.hpp"
#include "harness/terminal.hpp"
#include "harness/text.hpp"

#include <signal.h>

#include <filesystem>

// scripts/demo.sh, with the programs of this build.
namespace {

using namespace harness;
using namespace std::chrono_literals;

const std::string programs = std::filesystem::path(TCPSERVER_PROGRAM).parent_path();

class Demo : public ::testing::Test {
 protected:
  void SetUp() override {
    if (find_command("ps").empty()) GTEST_SKIP() << "ps is not installed";
  }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return processes().empty(); }));
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "the demo left something in its folder";
  }

  [[nodiscard]] std::vector<std::string> environment() const {
    return {"BUILT_PROGRAMS=" + programs, "TMPDIR=" + folder_.path(), "TERM=xterm"};
  }
  [[nodiscard]] std::vector<pid_t> processes() const { return processes_with("TMPDIR=" + folder_.path()); }
  [[nodiscard]] std::string demo(const std::string& scene) const {
    const auto result = run({DEMO_SCRIPT, scene}, {.environment = environment()});
    EXPECT_EQ(result.ending, 0) << result.errors << result.output;
    for (const auto& line : lines_of(result.output)) EXPECT_LT(line.size(), 80U) << line;
    return result.output;
  }

  const TemporaryFolder folder_;
};
using DemoOnATerminal = Demo;

// The number after `before`.
long number_after(const std::string& text, const std::string& before) {
  const auto at = text.find(before);
  return at == std::string::npos ? -1 : std::strtol(text.c_str() + at + before.size(), nullptr, 10);
}

TEST_F(Demo, IterativeAllWait) {
  const auto output = demo("iterative");
  EXPECT_TRUE(contains(in_one_line(output), "they were served after it."));
  EXPECT_FALSE(contains(output, "\x1b"));
}

TEST_F(Demo, ForkNobodyWaits) {
  const auto output = demo("fork");
  EXPECT_FALSE(contains(in_one_line(output), "they were served after it."));
  EXPECT_EQ(occurrences(output, " \\_ ./tcpserver "), 3U) << output;
}

TEST_F(Demo, ZombiesAreReallyThere) {
  const auto output = demo("zombies");
  EXPECT_EQ(occurrences(output, " [tcpserver] <defunct>\n"), 5U) << output;
}

TEST_F(Demo, HandlerLeavesNoneThoughSignalsMerge) {
  const auto output = demo("handler");
  EXPECT_FALSE(contains(output, "defunct"));
  EXPECT_EQ(occurrences(output, " ./tcpserver "), 2U) << output;  // the server in each table
  EXPECT_EQ(number_after(output, "The server counted: "), 200) << output;
  const long signals = number_after(output, " children reaped, ");
  EXPECT_GT(signals, 0);
  EXPECT_EQ(number_after(output, "would have left "), 200 - signals);
}

TEST_F(Demo, BacklogOverflows) {
  const auto output = demo("backlog");
  EXPECT_TRUE(contains(in_one_line(output), "connecting for a second or longer"));
  EXPECT_TRUE(contains(output, "overflowed: "));
}

TEST_F(Demo, RefusesAnUnknownScene) {
  const auto result = run({DEMO_SCRIPT, "forks"}, {.environment = environment()});
  EXPECT_EQ(result.ending, 64);
  EXPECT_TRUE(contains(result.errors, "'forks'"));
}

TEST_F(Demo, CleansUpWheneverItIsInterrupted) {
  for (const auto& [signal, status] : {std::pair{SIGINT, 130}, {SIGTERM, 143}, {SIGHUP, 129}}) {
    Process process({DEMO_SCRIPT, "iterative"}, {.environment = environment()});
    ASSERT_TRUE(process.read_output_until(
        [](const std::string& output) { return output.find("$ tcpclient") != std::string::npos; }));
    ASSERT_TRUE(eventually([&] { return children_of(process.pid()).size() == 2; }));
    process.signal(signal);
    EXPECT_EQ(process.wait(), status);
    EXPECT_TRUE(eventually([&] { return processes().empty(); })) << "signal " << signal;
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "signal " << signal;
  }
}

TEST_F(Demo, CleansUpWhenItsReaderGoesAway) {
  const auto result =
      run({"/bin/bash", "-c", DEMO_SCRIPT " zombies handler | grep -m 1 '^Server is listening'"},
          {.environment = environment()});
  EXPECT_EQ(result.ending, 0);
}

// In a shell, so that the terminal stays open until everything is read.
TEST_F(DemoOnATerminal, CtrlCEndsIt) {
  Terminal terminal(
      {"/bin/bash", "-c", "trap : INT; " DEMO_SCRIPT " --pause iterative; echo ended with $?; read x"},
      {80, 24}, environment());
  ASSERT_TRUE(terminal.shows("[Enter] ")) << "it waits before the run, so that one can explain";
  EXPECT_FALSE(contains(terminal.shown(), "$ tcpserver"));
  terminal.type("\n");
  ASSERT_TRUE(terminal.shows("1 slow ")) << terminal.shown();
  terminal.type("\x03");
  EXPECT_TRUE(terminal.shows("ended with 130")) << terminal.shown();
  // Both are told to end at the same time.
  const bool stopped = terminal.shown().find("Stopped after ") != std::string::npos;
  EXPECT_TRUE(stopped || terminal.shows("5 of 5 clients got no right reply.")) << terminal.shown();
  EXPECT_EQ(processes().size(), 1U) << "only the shell is left";
  terminal.type("\n");
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(DemoOnATerminal, ClosingTheWindowEndsIt) {
  Terminal terminal({DEMO_SCRIPT, "--pause", "fork"}, {80, 24}, environment());
  ASSERT_TRUE(terminal.shows("[Enter] ")) << terminal.shown();
  terminal.type("\n");
  ASSERT_TRUE(terminal.shows("$ tcpclient")) << terminal.shown();
  terminal.hang_up();
  EXPECT_EQ(terminal.process().wait(), 129);
}

}  // namespace
