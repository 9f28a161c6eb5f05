#include "tcpserver/posix/memory_limit.hpp"

#include "harness/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace {

using tcpserver::posix::MemoryLimit;
namespace fs = std::filesystem;

// A tree as it is mounted on /sys/fs/cgroup.
class Limit : public ::testing::Test {
 protected:
  void write(const std::string& group, const std::string& file, const std::string& text) const {
    fs::create_directories(mount.path() + group);
    std::ofstream(mount.path() + group + "/" + file) << text << '\n';
  }
  [[nodiscard]] bool found(const std::string& cgroups) const {
    return MemoryLimit::find(cgroups, mount.path()).has_value();
  }

  const harness::TemporaryFolder mount;
};

TEST_F(Limit, IsFoundInOwnCgroupV2) {
  write("/system.slice/a.service", "memory.max", "16777216");
  EXPECT_TRUE(found("0::/system.slice/a.service\n"));
  EXPECT_FALSE(found("0::/system.slice/b.service\n"));
}

// Other services use that memory, too.
TEST_F(Limit, OfACgroupAboveDoesNotCount) {
  write("/system.slice/a.service", "memory.max", "max");
  write("/system.slice", "memory.max", "1073741824");
  EXPECT_FALSE(found("0::/system.slice/a.service\n"));
}

TEST_F(Limit, KnowsUsageAndCachedFiles) {
  write("/a", "memory.max", "1000");
  write("/a", "memory.current", "800");
  write("/a", "memory.stat", "anon 1\ninactive_file 20\nactive_file 300\ninactive_file_x 7");
  const auto limit = MemoryLimit::find("0::/a\n", mount.path());
  ASSERT_TRUE(limit);
  EXPECT_EQ(limit->limit(), 1000U);
  EXPECT_EQ(limit->usage(), 800U);
  EXPECT_EQ(limit->cached_files(), 320U);
}

TEST_F(Limit, HasNoUsageWhereItCannotBeRead) {
  write("/a", "memory.max", "1000");
  const auto limit = MemoryLimit::find("0::/a\n", mount.path());
  ASSERT_TRUE(limit);
  EXPECT_FALSE(limit->usage());
  EXPECT_EQ(limit->cached_files(), 0U);
}

// As in a container that sees its own cgroup as the root.
TEST_F(Limit, IsFoundInTheRootOfANamespace) {
  write("", "memory.max", "16777216");
  EXPECT_TRUE(found("0::/\n"));
  EXPECT_TRUE(found("0::/not/visible/here\n"));
}

TEST_F(Limit, IsFoundInCgroupV1) {
  write("/memory/docker/x", "memory.limit_in_bytes", "16777216");
  write("/memory/free", "memory.limit_in_bytes", "9223372036854771712");
  EXPECT_TRUE(found("9:cpu,cpuacct:/\n4:memory:/docker/x\n0::/\n"));
  EXPECT_TRUE(found("4:hugetlb,memory:/docker/x\n"));
  EXPECT_FALSE(found("4:memory:/free\n0::/\n"));
  EXPECT_FALSE(found("4:memoryx:/docker/x\n"));
}

TEST_F(Limit, IsNotFoundInMalformedText) {
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
