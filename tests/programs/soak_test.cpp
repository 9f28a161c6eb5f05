#include "harness/process.hpp"
#include "harness/text.hpp"

#include <filesystem>
#include <fstream>

// scripts/soak.sh for a few seconds. Operators run it for hours.
namespace {

using namespace harness;

const std::string built_programs = std::filesystem::path(TCPSERVER_PROGRAM).parent_path();

Finished soak(std::vector<std::string> words, const std::string& programs = built_programs) {
  words.insert(words.begin(), SOAK_SCRIPT);
  return run(words, {.environment = {"BUILT_PROGRAMS=" + programs}});
}

class Soak : public ::testing::TestWithParam<std::vector<std::string>> {
 protected:
  void SetUp() override {
    if (TCPSERVER_TEST_SANITIZED) GTEST_SKIP() << "the sanitizers' own memory grows";
  }
};
INSTANTIATE_TEST_SUITE_P(Jobs, Soak,
                         ::testing::Values(std::vector<std::string>{"mix", "4"},
                                           std::vector<std::string>{"short", "600"},
                                           std::vector<std::string>{"held", "300"},
                                           std::vector<std::string>{"stop", "100"}),
                         [](const auto& parameter) { return parameter.param[0]; });

TEST_P(Soak, FindsNoError) {
  const auto result = soak(GetParam());
  EXPECT_EQ(result.ending, 0) << result.errors;
  EXPECT_TRUE(contains(result.errors, "soak: all checks passed\n"));
}

// A server changes bytes, and the script must find it.
TEST(SoakScript, FindsWrongBytes) {
  const PublicCopy program;
  const auto directory = std::filesystem::path(program.path()).parent_path() / "wrong";
  std::filesystem::create_directory(directory);
  std::ofstream(directory / "tcpserver")
      << "#!/bin/sh\nexec " << program.path() << " --service upper \"$@\"\n";
  std::filesystem::permissions(directory / "tcpserver", std::filesystem::perms(0755));
  std::filesystem::create_symlink(TCPLOAD_PROGRAM, directory / "tcpload");
  const auto result = soak({"short", "10"}, directory);
  EXPECT_EQ(result.ending, 1) << result.errors;
  EXPECT_TRUE(contains(result.errors, "WRONG: a client got a wrong reply"));
}

TEST(SoakScript, RefusesUnknownJobs) {
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"mixx"}, {"mix", "0"}, {"mix", "1", "2"}, {"held", "x"}}) {
    const auto result = soak(words);
    EXPECT_EQ(result.ending, 64) << result.errors;
    EXPECT_EQ(occurrences(result.errors, "\n"), 1U) << result.errors;
  }
}

}  // namespace
