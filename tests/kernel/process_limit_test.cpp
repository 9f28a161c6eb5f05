#include "tcpserver/kernel/process_limit.hpp"

#include "harness/temporary_directory.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace {

using harness::contains;
using tcpserver::kernel::explain_fork_failure;
namespace fs = std::filesystem;

// A cgroup tree like the one on /sys/fs/cgroup.
class ForkFailureTest : public ::testing::Test {
 protected:
  void write(const std::string& group, const std::string& max, const std::string& current) const {
    fs::create_directories(mount.path() + group);
    std::ofstream(mount.path() + group + "/pids.max") << max << '\n';
    std::ofstream(mount.path() + group + "/pids.current") << current << '\n';
  }
  [[nodiscard]] auto explain(const std::string& cgroups) const {
    return explain_fork_failure(EAGAIN, cgroups, mount.path().c_str());
  }
  void expect_reached(const std::string& cgroups, unsigned value, const std::string& group) const {
    const auto failure = explain(cgroups);
    ASSERT_NE(failure.limit, nullptr) << failure.text.c_str();
    EXPECT_STREQ(failure.limit, "pids.max");
    EXPECT_EQ(failure.value, value);
    EXPECT_TRUE(contains(failure.text.c_str(), "cgroup " + group + " "));
  }

  const harness::TemporaryDirectory mount;
};

TEST_F(ForkFailureTest, NamesTheReachedCgroupInVersion2) {
  write("/system.slice/a.service", "20", "20");
  expect_reached("0::/system.slice/a.service\n", 20, "/system.slice/a.service");
}

TEST_F(ForkFailureTest, NamesTheReachedAncestor) {
  write("/system.slice/a.service", "20", "12");
  write("/system.slice", "30", "31");
  write("", "40", "33");
  expect_reached("0::/system.slice/a.service\n", 30, "/system.slice");
}

TEST_F(ForkFailureTest, NamesTheReachedCgroupInVersion1) {
  write("/pids/docker/x", "7", "7");
  expect_reached("9:cpu,cpuacct:/\n4:pids:/docker/x\n0::/\n", 7, "/docker/x");
}

// A container may see its own cgroup as the root.
TEST_F(ForkFailureTest, NamesTheRootOfAContainer) {
  write("", "7", "7");
  expect_reached("0::/not/visible/here\n", 7, "/");
}

TEST_F(ForkFailureTest, ListsTheLimitsIfNoneIsReached) {
  write("/a", "20", "19");
  write("/b", "max", "19");
  for (const char* cgroups : {"0::/a\n", "0::/b\n", "", "no colon\n"}) {
    const auto failure = explain(cgroups);
    EXPECT_EQ(failure.limit, nullptr) << failure.limit;
    EXPECT_TRUE(contains(failure.text.c_str(), "no known limit is reached"));
    EXPECT_TRUE(contains(failure.text.c_str(), "kernel.pid_max "));
    EXPECT_EQ(contains(failure.text.c_str(), "pids.max 20"), contains(cgroups, "/a")) << failure.text.c_str();
  }
}

TEST(ForkFailure, MentionsMemoryForENOMEM) {
  EXPECT_TRUE(contains(explain_fork_failure(ENOMEM).text.c_str(), "memory.max"));
}

}  // namespace
