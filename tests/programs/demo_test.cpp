#include "harness/proc.hpp"
#include "harness/temporary_folder.hpp"
#include "harness/terminal.hpp"
#include "harness/text.hpp"

#include <signal.h>

#include <gtest/gtest.h>

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
    EXPECT_TRUE(eventually([&] { return processes_with("TMPDIR=" + folder_.path()).empty(); }));
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "the demo left something in its folder";
  }

  [[nodiscard]] std::vector<std::string> environment() const {
    return {"BUILT_PROGRAMS=" + programs, "TMPDIR=" + folder_.path(), "TERM=xterm"};
  }
  [[nodiscard]] std::string demo(const std::string& scene) const {
    const auto result = run({DEMO_SCRIPT, scene}, {.environment = environment()});
    EXPECT_EQ(result.ending, 0) << result.errors << result.output;
    for (const auto& line : lines_of(result.output)) EXPECT_LT(line.size(), 80U) << line;
    return result.output;
  }

  const TemporaryFolder folder_;
};

// The number behind `before`.
long number_behind(const std::string& text, const std::string& before) {
  const auto at = text.find(before);
  return at == std::string::npos ? -1 : std::strtol(text.c_str() + at + before.size(), nullptr, 10);
}

TEST_F(Demo, IterativeAllWait) {
  const auto output = demo("iterative");
  EXPECT_TRUE(contains(in_one_line(output), "they were served after it.")) << output;
  EXPECT_FALSE(contains(output, "\x1b"));
}

TEST_F(Demo, ForkNobodyWaits) {
  const auto output = demo("fork");
  EXPECT_FALSE(contains(in_one_line(output), "they were served after it.")) << output;
  EXPECT_EQ(occurrences(output, " \\_ ./tcpserver "), 3U) << output;
}

TEST_F(Demo, ZombiesAreReallyThere) {
  const auto output = demo("zombies");
  EXPECT_EQ(occurrences(output, " [tcpserver] <defunct>\n"), 5U) << output;
}

TEST_F(Demo, HandlerLeavesNoneThoughSignalsMerge) {
  const auto output = demo("handler");
  EXPECT_FALSE(contains(output, "defunct")) << output;
  EXPECT_EQ(occurrences(output, " ./tcpserver "), 2U)
      << "the server in each table, and nobody else: " << output;
  EXPECT_EQ(number_behind(output, "The server counted: "), 200) << output;
  const long signals = number_behind(output, " children reaped, ");
  EXPECT_GT(signals, 0);
  EXPECT_EQ(number_behind(output, "would have left "), 200 - signals);
}

TEST_F(Demo, BacklogOverflows) {
  const auto output = demo("backlog");
  EXPECT_TRUE(contains(in_one_line(output), "connecting for a second or longer")) << output;
  EXPECT_TRUE(contains(output, "overflowed: ")) << output;
}

TEST_F(Demo, RefusesAnUnknownScene) {
  const auto result = run({DEMO_SCRIPT, "forks"}, {.environment = environment()});
  EXPECT_EQ(result.ending, 64);
  EXPECT_TRUE(contains(result.errors, "'forks'")) << result.errors;
}

TEST_F(Demo, CleansUpWheneverItIsInterrupted) {
  for (const auto& [signal, status] : {std::pair{SIGINT, 130}, {SIGTERM, 143}, {SIGHUP, 129}}) {
    Process process({DEMO_SCRIPT, "iterative"}, {.environment = environment()});
    ASSERT_TRUE(process.read_output_until(
        [](const std::string& output) { return output.find("$ tcpclient") != std::string::npos; }));
    std::vector<ChildState> started;
    ASSERT_TRUE(eventually([&] { return (started = children_of(process.pid())).size() == 2; }));
    process.signal(signal);
    EXPECT_EQ(process.wait(), status);
    for (const auto& child : started) {
      EXPECT_FALSE(std::filesystem::exists("/proc/" + std::to_string(child.pid))) << "signal " << signal;
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "signal " << signal;
  }
}

TEST_F(Demo, CleansUpWhenItsReaderGoesAway) {
  const auto result =
      run({"/bin/bash", "-c", DEMO_SCRIPT " zombies handler | grep -m 1 '^Server is listening'"},
          {.environment = environment()});
  EXPECT_EQ(result.ending, 0);
}

class DemoOnATerminal : public Demo {};

// In a shell, whose end alone closes the terminal: what was shown last is not lost.
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
  // Which of the two ends first is open, as they are told to at the same time.
  const bool stopped = terminal.shown().find("Stopped after ") != std::string::npos;
  EXPECT_TRUE(stopped || terminal.shows("5 of 5 clients got no right reply.")) << terminal.shown();
  EXPECT_EQ(processes_with("TMPDIR=" + folder_.path()).size(), 1U) << "the shell is left, and nobody else";
  terminal.type("\n");
  EXPECT_EQ(terminal.process().wait(), 0);
}

// The SIGHUP goes to all that was started, at once.
TEST_F(DemoOnATerminal, ClosingTheWindowEndsIt) {
  for (int i = 0; i < 2; ++i) {
    Terminal terminal({DEMO_SCRIPT, "--pause", "fork"}, {80, 24}, environment());
    ASSERT_TRUE(terminal.shows("[Enter] ")) << terminal.shown();
    terminal.type("\n");
    ASSERT_TRUE(terminal.shows("$ tcpclient")) << terminal.shown();
    terminal.hang_up();
    EXPECT_EQ(terminal.process().wait(), 129);
    EXPECT_TRUE(eventually([&] { return processes_with("TMPDIR=" + folder_.path()).empty(); }));
  }
}

}  // namespace
