#include "tcpserver/server/confine/account.hpp"

#include "tcpserver/base/system_error.hpp"

#include "harness/text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;

constexpr const char* passwd =
    "root:x:0:0:root:/root:/bin/bash\n"
    "broken\n"
    "half:x:\n"
    "letters:x:12a:7::/:\n"
    "\n"
    "nogroup:x:77::::\n"
    "4000:x:41:42:a name of digits:/:\n"
    "last:x:65534:65533::/:/bin/false";
constexpr const char* groups = "root:x:0:\nwheel:x:10:a,b\nlast:x:4294967294:";

TEST(Account, FindsUsersByNameThenByNumber) {
  EXPECT_EQ(find_user(passwd, "root").value().id, 0U);
  EXPECT_EQ(find_user(passwd, "root")->group, 0U);
  EXPECT_EQ(find_user(passwd, "last")->id, 65534U) << "with no newline at its end";
  EXPECT_EQ(find_user(passwd, "65534")->group, 65533U);
  EXPECT_EQ(find_user(passwd, "4000")->id, 41U) << "a name goes before a number";
}

TEST(Account, AcceptsAllNumbersButTheReservedOne) {
  EXPECT_EQ(find_user(passwd, "4711").value().id, 4711U);
  EXPECT_FALSE(find_user(passwd, "4711")->group.has_value());
  EXPECT_TRUE(find_user("", "4294967294"));
  // 4294967295 is (uid_t) -1: setresuid does not change anything.
  for (const char* bad : {"4294967295", "4294967296", "-1", "0x10", ""})
    EXPECT_FALSE(find_user("", bad)) << bad;
}

TEST(Account, SkipsMalformedLines) {
  for (const char* name : {"broken", "half", "letters", "nobody", "roo", "x"}) {
    EXPECT_FALSE(find_user(passwd, name)) << name;
  }
  EXPECT_FALSE(find_user(passwd, "nogroup")->group.has_value());
}

TEST(Account, FindsGroups) {
  EXPECT_EQ(find_group(groups, "wheel"), 10U);
  EXPECT_EQ(find_group(groups, "last"), 4294967294U);
  EXPECT_EQ(find_group(groups, "123"), 123U);
  EXPECT_FALSE(find_group(groups, "a"));
}

TEST(Account, NamesTheUnknownUserOrGroup) {
  const std::pair<UserRequest, const char*> unknown[] = {{{"no-such-user", ""}, "'no-such-user'"},
                                                         {{"4000000001", ""}, "4000000001:4000000001"},
                                                         {{"0", "no-such-group"}, "'no-such-group'"}};
  for (const auto& [request, part] : unknown) {
    try {
      static_cast<void>(find_account(request));
      ADD_FAILURE() << part;
    } catch (const StartError& error) {
      EXPECT_EQ(error.status(), ExitStatus::no_user);
      EXPECT_TRUE(harness::contains(error.what(), part));
    }
  }
  EXPECT_EQ(find_account({"4000000001", "4000000002"}).group, 4000000002U);
}

}  // namespace
