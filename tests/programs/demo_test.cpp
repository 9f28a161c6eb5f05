#include "harness/proc.hpp"
#include "harness/temporary_directory.hpp"
#include "harness/terminal.hpp"
#include "harness/text.hpp"

#include <signal.h>

#include <algorithm>
#include <filesystem>

// Tests scripts/demo.sh with the programs of this build.
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
    EXPECT_TRUE(std::filesystem::is_empty(directory_.path())) << "the demo left files behind";
  }

  [[nodiscard]] std::vector<std::string> environment() const {
    return {"BUILT_PROGRAMS=" + programs, "TMPDIR=" + directory_.path(), "TERM=xterm"};
  }
  [[nodiscard]] std::vector<pid_t> processes() const { return find_processes("TMPDIR=" + directory_.path()); }
  // Returns the output of one scene, which must fit a terminal of 24 lines with the prompt in the last.
  [[nodiscard]] std::string demo(const std::string& scene) const {
    const auto result = run({DEMO_SCRIPT, scene}, {.environment = environment()});
    EXPECT_EQ(result.ending, 0) << result.errors << result.output;
    const auto output = result.output.substr(std::min(result.output.find("Scene "), result.output.size()));
    std::size_t lines = 0;
    for (const auto& line : split_lines(output)) {
      if (contains(line, " s  127.0.0.1:")) continue;  // tcpbacklog draws these in place on a terminal
      EXPECT_LT(line.size(), 80U) << line;
      ++lines;
    }
    EXPECT_LE(lines, 23U) << output;
    return output;
  }

  const TemporaryDirectory directory_;
};
using DemoOnATerminal = Demo;

// Returns the number after `before`, or -1.
long number_after(const std::string& text, const std::string& before) {
  const auto at = text.find(before);
  return at == std::string::npos ? -1 : std::strtol(text.c_str() + at + before.size(), nullptr, 10);
}

TEST_F(Demo, IterativeShowsTheBlockedServer) {
  const auto output = demo("iterative");
  EXPECT_TRUE(contains(output, " WCHAN "));
  EXPECT_EQ(occurrences(output, " tcpserver\n"), 1U) << output;
  EXPECT_TRUE(contains(output, "\n5      ######")) << output;
  EXPECT_FALSE(contains(output, "\x1b"));
}

TEST_F(Demo, ForkShowsTheChildOfTheSlowClient) {
  const auto output = demo("fork");
  EXPECT_EQ(occurrences(output, " \\_ tcpserver\n"), 1U) << output;
  EXPECT_FALSE(contains(output, "\n5      ######")) << output;
}

TEST_F(Demo, ZombiesUseUpTheSlots) {
  const auto output = demo("zombies");
  EXPECT_EQ(occurrences(output, " Z    tcpserver"), 5U) << output;
  EXPECT_TRUE(contains(output, "timed out")) << output;
}

TEST_F(Demo, SignalsMergeSoOneWaitPerSignalLeavesZombies) {
  const auto output = demo("signals");
  const auto loop = output.find("in a loop");
  ASSERT_NE(loop, std::string::npos) << output;
  EXPECT_TRUE(contains(output.substr(0, loop), " Z    tcpserver")) << output;
  EXPECT_FALSE(contains(output.substr(loop), " Z    tcpserver")) << output;
  EXPECT_GT(200 - number_after(output, "The parent got only "), 0) << output;
  EXPECT_TRUE(contains(output, "\n0 zombies remain")) << output;
}

TEST_F(Demo, QueueIsFullWhileTheServerIsBusy) {
  const auto output = demo("queue");
  EXPECT_TRUE(contains(output, "queue 5 of 4 ")) << output;
  EXPECT_TRUE(contains(output, "dropped")) << output;
}

TEST_F(Demo, PrintsCommandsThatCanBePasted) {
  const auto result = run({DEMO_SCRIPT, "zombies"}, {.environment = environment()});
  EXPECT_TRUE(contains(result.output, "\n$ cd " + programs + "\n")) << result.output;
  EXPECT_GT(number_after(result.output, "\n$ ./tcpserver --bind 127.0.0.1 --port "), 0) << result.output;
}

TEST_F(Demo, RefusesAnUnknownScene) {
  const auto result = run({DEMO_SCRIPT, "forks"}, {.environment = environment()});
  EXPECT_EQ(result.ending, 64);
  EXPECT_TRUE(contains(result.errors, "'forks'"));
}

TEST_F(Demo, CleansUpAfterEachSignal) {
  for (const auto& [signal, status] : {std::pair{SIGINT, 130}, {SIGTERM, 143}, {SIGHUP, 129}}) {
    Process process({DEMO_SCRIPT, "iterative"}, {.environment = environment()});
    ASSERT_TRUE(process.read_output_until(
        [](const std::string& output) { return output.find("$ ./tcpclient") != std::string::npos; }));
    ASSERT_TRUE(eventually([&] { return find_children(process.pid()).size() == 2; }));
    process.signal(signal);
    EXPECT_EQ(process.wait(), status);
    EXPECT_TRUE(eventually([&] { return processes().empty(); })) << "signal " << signal;
    EXPECT_TRUE(std::filesystem::is_empty(directory_.path())) << "signal " << signal;
  }
}

TEST_F(Demo, CleansUpWhenItsOutputIsClosed) {
  const auto result = run({"/bin/bash", "-c", DEMO_SCRIPT " zombies signals | grep -m 1 '^. ./tcpserver'"},
                          {.environment = environment()});
  EXPECT_EQ(result.ending, 0);
}

// A shell keeps the terminal open until everything is read.
TEST_F(DemoOnATerminal, CtrlCEndsTheDemo) {
  Terminal terminal(
      {"/bin/bash", "-c", "trap : INT; " DEMO_SCRIPT " --pause iterative; echo ended with $?; read x"},
      {80, 24}, environment());
  ASSERT_TRUE(terminal.shows("Press Enter to continue")) << terminal.shown();
  terminal.type("\n");
  ASSERT_TRUE(terminal.shows("Scene 1")) << terminal.shown();
  EXPECT_FALSE(contains(terminal.shown(), "$ ./tcpserver")) << "it must wait before the commands";
  terminal.type("\n");
  ASSERT_TRUE(terminal.shows(" WCHAN ")) << terminal.shown();
  terminal.type("\x03");
  EXPECT_TRUE(terminal.shows("ended with 130")) << terminal.shown();
  EXPECT_EQ(processes().size(), 1U) << "only the shell is left";
  terminal.type("\n");
  EXPECT_EQ(terminal.process().wait(), 0);
}

TEST_F(DemoOnATerminal, HangUpEndsTheDemo) {
  Terminal terminal({DEMO_SCRIPT, "--pause", "fork"}, {80, 24}, environment());
  ASSERT_TRUE(terminal.shows("Press Enter to continue")) << terminal.shown();
  terminal.type("\n\n");
  ASSERT_TRUE(terminal.shows("$ ./tcpclient")) << terminal.shown();
  terminal.hang_up();
  EXPECT_EQ(terminal.process().wait(), 129);
}

const std::string scripts = std::filesystem::path(DEMO_SCRIPT).parent_path();

TEST(RunScript, AnswersHelpWithoutABuild) {
  const auto result = run({scripts + "/run.sh", "--help"}, {.environment = {"BUILD_DIR=" + programs}});
  EXPECT_EQ(result.output.rfind("Usage: tcpserver", 0), 0U) << result.output;
  EXPECT_EQ(result.errors, "");
}

TEST(RunScript, ReportsABuildOnlyIfItCompiles) {
  const auto errors_for = [](const std::string& build_output) {
    const std::string command = "top=" + scripts +
                                "/..; . $top/scripts/programs.sh; programs=here; printf '%b' '" +
                                build_output + "' | show_progress";
    return run({"/bin/bash", "-c", command}).errors;
  };
  EXPECT_EQ(errors_for("ninja: no work to do.\\n"), "");
  EXPECT_EQ(errors_for("[100%] Built target tcpserver\\n"), "");
  EXPECT_EQ(errors_for("[1/91] Building CXX a.o\\n[2/91] Linking CXX a\\n"), "Building in here\n");
  EXPECT_EQ(errors_for("[ 12%] Building CXX object a.o\\n"), "Building in here\n");
}

}  // namespace
