#include "tcpserver/kernel/memory_limit.hpp"

#include "harness/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace {

using tcpserver::kernel::MemoryLimit;
namespace fs = std::filesystem;

// A cgroup tree like the one on /sys/fs/cgroup.
class MemoryLimitTest : public ::testing::Test {
 protected:
  void write(const std::string& group, const std::string& file, const std::string& text) const {
    fs::create_directories(mount.path() + group);
    std::ofstream(mount.path() + group + "/" + file) << text << '\n';
  }
  [[nodiscard]] MemoryLimit find(const std::string& cgroups) const {
    return MemoryLimit::find(cgroups, mount.path()).value();
  }
  [[nodiscard]] bool found(const std::string& cgroups) const {
    return MemoryLimit::find(cgroups, mount.path()).has_value();
  }

  const harness::TemporaryDirectory mount;
};

TEST_F(MemoryLimitTest, IsFoundInCgroupV2) {
  write("/system.slice/a.service", "memory.max", "16777216");
  EXPECT_TRUE(found("0::/system.slice/a.service\n"));
  EXPECT_FALSE(found("0::/system.slice/b.service\n"));
}

TEST_F(MemoryLimitTest, IsIgnoredIfOnlyAnAncestorHasOne) {
  write("/system.slice/a.service", "memory.max", "max");
  write("/system.slice", "memory.max", "1073741824");
  EXPECT_FALSE(found("0::/system.slice/a.service\n"));
}

TEST_F(MemoryLimitTest, CountsPageCacheAsFree) {
  write("/a", "memory.max", "1000");
  write("/a", "memory.current", "950");
  write("/a", "memory.stat", "anon 1\ninactive_file 20\nactive_file 300\ninactive_file_x 7");
  const auto limit = find("0::/a\n");
  const auto room = limit.own();
  ASSERT_TRUE(room);
  EXPECT_EQ(room->limit, 1000U);
  EXPECT_EQ(room->free, 370U);
  EXPECT_TRUE(limit.has_free(370));
  EXPECT_FALSE(limit.has_free(371));
}

TEST_F(MemoryLimitTest, FollowsChanges) {
  write("/a", "memory.max", "1000");
  const auto limit = find("0::/a\n");
  EXPECT_FALSE(limit.own()) << "the usage cannot be read";
  write("/a", "memory.current", "100");
  EXPECT_FALSE(limit.own()) << "files are opened only at the start";
  const auto complete = find("0::/a\n");
  write("/a", "memory.max", "5000");
  EXPECT_EQ(complete.own()->free, 4900U);
  write("/a", "memory.max", "max");
  EXPECT_FALSE(complete.own());
  EXPECT_TRUE(complete.has_free(1UL << 40));
}

TEST_F(MemoryLimitTest, ChecksFreeMemoryOfAncestors) {
  write("/a/b", "memory.max", "1000");
  write("/a/b", "memory.current", "100");
  write("/a", "memory.max", "2000");
  write("/a", "memory.current", "1800");
  const auto limit = find("0::/a/b\n");
  EXPECT_EQ(limit.own()->free, 900U);
  EXPECT_FALSE(limit.has_free(201));
}

// A container may see its own cgroup as the root.
TEST_F(MemoryLimitTest, IsFoundInARootCgroup) {
  write("", "memory.max", "16777216");
  EXPECT_TRUE(found("0::/\n"));
  EXPECT_TRUE(found("0::/not/visible/here\n"));
}

TEST_F(MemoryLimitTest, IsFoundInCgroupV1) {
  write("/memory/docker/x", "memory.limit_in_bytes", "16777216");
  write("/memory/free", "memory.limit_in_bytes", "9223372036854771712");
  EXPECT_TRUE(found("9:cpu,cpuacct:/\n4:memory:/docker/x\n0::/\n"));
  EXPECT_TRUE(found("4:hugetlb,memory:/docker/x\n"));
  EXPECT_FALSE(found("4:memory:/free\n0::/\n"));
  EXPECT_FALSE(found("4:memoryx:/docker/x\n"));
}

TEST_F(MemoryLimitTest, IgnoresMalformedText) {
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
