#include "harness/strace.hpp"

#include <unistd.h>

#include <cstring>

// The server names each protection that it lacks, and the reason.
namespace {

using namespace harness;

struct FailingCall {
  const char* name;
  const char* error;
  const char* said;
};

void PrintTo(const FailingCall& call, std::ostream* stream) {
  *stream << call.name;
}

class Confinement : public Injection, public ::testing::WithParamInterface<FailingCall> {};

TEST_P(Confinement, IsReportedMissingInOneWarning) {
  const auto& call = GetParam();
  if (std::strcmp(call.name, "capset") == 0 && ::geteuid() != 0) GTEST_SKIP() << "only root has capabilities";
  // The first call only asks for the version.
  const bool has_landlock = ::syscall(444, nullptr, 0, 1) > 0;  // landlock_create_ruleset
  if (!has_landlock && std::strstr(call.name, "landlock") != nullptr)
    GTEST_SKIP() << "this kernel has no Landlock";
  const TemporaryDirectory directory;
  for (const char* sandbox : {"", "on"}) {
    std::vector<std::string> options{"--metrics-file", directory.path() + "/m.prom"};
    if (*sandbox != '\0') options.insert(options.end(), {"--sandbox", sandbox});
    auto server = start(options, call.name, std::string("error=") + call.error);
    EXPECT_TRUE(contains(server.log(), std::string(call.name) + ": "));
    EXPECT_EQ(occurrences(server.log(), call.said), 1U) << server.log();
    EXPECT_FALSE(contains(server.log(), "use -v")) << "the reason is known";
    EXPECT_TRUE(serves(server));
    EXPECT_EQ(server.stop(), 0);
  }
}
INSTANTIATE_TEST_SUITE_P(
    Calls, Confinement,
    ::testing::Values(FailingCall{"landlock_create_ruleset", "ENOSYS", "without Landlock"},
                      FailingCall{"landlock_create_ruleset", "EOPNOTSUPP", "at boot"},
                      FailingCall{"landlock_create_ruleset", "EMFILE:when=2", "without Landlock"},
                      FailingCall{"landlock_add_rule", "EBADFD", "without Landlock"},
                      FailingCall{"landlock_restrict_self", "E2BIG", "16"},
                      FailingCall{"landlock_restrict_self", "EPERM", "policy"},
                      FailingCall{"capset", "EPERM", "keeps its capabilities"}),
    [](const auto& test) {
      const std::string error = test.param.error;
      return std::string(test.param.name) + "_" + error.substr(0, error.find(':'));
    });

// With too few descriptors the start fails and names a sufficient number. With enough, nothing is lost.
class DescriptorLimit : public ::testing::TestWithParam<std::vector<std::string>> {
 protected:
  static std::vector<std::string> limited_to(unsigned long limit) {
    const auto text = std::to_string(limit);
    return {"prlimit", "--nofile=" + text + ":" + text};
  }
};

TEST_P(DescriptorLimit, IsReportedAtTheStartIfTooLow) {
  if (TCPSERVER_TEST_SANITIZED) GTEST_SKIP() << "a sanitizer needs descriptors of its own";
  if (find_command("prlimit").empty()) GTEST_SKIP() << "prlimit is not installed";
  const TemporaryDirectory directory;
  auto options = GetParam();
  if (options.size() == 1) options.push_back(directory.path() + (options[0] == "--record" ? "" : "/file"));
  options.insert(options.end(), {"--port", "0"});
  constexpr unsigned long first = 3;
  constexpr unsigned long most = 100;
  for (unsigned long limit = first; limit < most; ++limit) {
    Process process(command_line(limited_to(limit), options));
    process.reads_line();
    if (announced_port(process.output()) == 0) {
      EXPECT_EQ(process.wait(), 71);
      EXPECT_EQ(split_lines(process.errors()).size(), 1U) << process.errors();
      const auto needed = number_before(process.errors(), " are needed");
      EXPECT_GT(needed, limit) << process.errors();
      EXPECT_LT(needed, most) << process.errors();
      continue;
    }
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait(), 0);
    EXPECT_GT(limit, first);
    // Descriptors 0 to 2, two listeners and a connection: the streams are not opened again.
    if (GetParam().empty()) {
      EXPECT_LE(limit, 6U);
    }
    ServerProcess server(options, {}, limited_to(limit));
    EXPECT_TRUE(serves(server));
    EXPECT_TRUE(server.logged_nothing_unusual());
    EXPECT_EQ(server.stop(), 0);
    return;
  }
  FAIL() << "it never starts";
}
INSTANTIATE_TEST_SUITE_P(Options, DescriptorLimit,
                         ::testing::Values(std::vector<std::string>{}, std::vector<std::string>{"--record"},
                                           std::vector<std::string>{"--metrics-file"},
                                           std::vector<std::string>{"--pid-file"},
                                           std::vector<std::string>{"--overload", "refuse"}));

}  // namespace
