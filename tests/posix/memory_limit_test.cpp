#include "tcpserver/posix/memory_limit.hpp"

#include "harness/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace {

using tcpserver::posix::find_memory_limit;
namespace fs = std::filesystem;

// A tree as it is mounted on /sys/fs/cgroup.
class MemoryLimit : public ::testing::Test {
 protected:
  void write(const std::string& group, const std::string& file, const std::string& text) const {
    fs::create_directories(mount.path() + group);
    std::ofstream(mount.path() + group + "/" + file) << text << '\n';
  }
  [[nodiscard]] bool found(const std::string& cgroups) const {
    return find_memory_limit(cgroups, mount.path()).has_value();
  }

  const harness::TemporaryFolder mount;
};

TEST_F(MemoryLimit, IsFoundInOwnCgroupV2) {
  write("/system.slice/a.service", "memory.max", "16777216");
  EXPECT_TRUE(found("0::/system.slice/a.service\n"));
  EXPECT_FALSE(found("0::/system.slice/b.service\n"));
}

TEST_F(MemoryLimit, IsFoundInACgroupAbove) {
  write("/system.slice/a.service", "memory.max", "max");
  EXPECT_FALSE(found("0::/system.slice/a.service\n"));
  write("/system.slice", "memory.max", "1073741824");
  EXPECT_TRUE(found("0::/system.slice/a.service\n"));
}

TEST_F(MemoryLimit, IsTheLowestOfAllLevels) {
  write("/system.slice/a.service", "memory.max", "2000");
  write("/system.slice", "memory.max", "1000");
  write("", "memory.max", "3000");
  const auto limit = find_memory_limit("0::/system.slice/a.service\n", mount.path());
  ASSERT_TRUE(limit);
  EXPECT_EQ(limit->bytes, 1000U);
  EXPECT_EQ(limit->usage_file, mount.path() + "/system.slice/memory.current");
}

// As in a container that sees its own cgroup as the root.
TEST_F(MemoryLimit, IsFoundInTheRootOfANamespace) {
  write("", "memory.max", "16777216");
  EXPECT_TRUE(found("0::/\n"));
  EXPECT_TRUE(found("0::/not/visible/here\n"));
}

TEST_F(MemoryLimit, IsFoundInCgroupV1) {
  write("/memory/docker/x", "memory.limit_in_bytes", "16777216");
  write("/memory/free", "memory.limit_in_bytes", "9223372036854771712");
  write("/memory", "memory.limit_in_bytes", "9223372036854771712");
  EXPECT_TRUE(found("9:cpu,cpuacct:/\n4:memory:/docker/x\n0::/\n"));
  EXPECT_TRUE(found("4:hugetlb,memory:/docker/x\n"));
  EXPECT_FALSE(found("4:memory:/free\n0::/\n"));
  EXPECT_FALSE(found("4:memoryx:/docker/x\n"));
}

TEST_F(MemoryLimit, IsNotFoundInMalformedText) {
  write("", "memory.max", "16777216");
  ASSERT_TRUE(found("0::/\n"));
  for (const char* text : {"", "\n", "0", "0:", "no colon\n\n", "0:memory"})
    EXPECT_FALSE(found(text)) << text;
  for (const char* limit : {"", "max", "16 MiB", "-1", "99999999999999999999"}) {
    write("", "memory.max", limit);
    EXPECT_FALSE(found("0::/\n")) << limit;
  }
}

}  // namespace
