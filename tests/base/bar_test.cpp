#include "tcpserver/base/bar.hpp"

#include <gtest/gtest.h>

namespace {

using tcpserver::base::bar;

TEST(Bar, ShowsThePart) {
  EXPECT_EQ(bar(0, 8, 4), "....");
  EXPECT_EQ(bar(4, 8, 4), "##..");
  EXPECT_EQ(bar(8, 8, 4), "####");
  EXPECT_EQ(bar(9, 8, 4), "####");
  EXPECT_EQ(bar(1, 1000, 4), "#...") << "a little is not nothing";
  EXPECT_EQ(bar(999, 1000, 4), "###.") << "nearly full is not full";
  EXPECT_EQ(bar(0, 0, 4), "....");
  EXPECT_EQ(bar(1, 2, 0), "");
  EXPECT_EQ(bar(1, 2, 1), "#");
  EXPECT_EQ(bar(UINT64_MAX, UINT64_MAX, 2), "##");
}

}  // namespace
