#include "client/made_timeline.hpp"
#include "harness/json.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::client;
using namespace made;
using namespace std::chrono_literals;

TEST(Spread, IsOfSortedTimes) {
  EXPECT_FALSE(spread_of({}));
  const auto one = spread_of({5});
  EXPECT_EQ(one->least, 5);
  EXPECT_EQ(one->median, 5);
  EXPECT_EQ(one->largest, 5);
  const auto four = spread_of({4, 1, 3, 2});
  EXPECT_EQ(four->least, 1);
  EXPECT_EQ(four->median, 2.5);
  EXPECT_EQ(four->largest, 4);
}

TEST(TimelineJson, HasALineForEachClient) {
  Timeline timeline{
      .server = "h port 1",
      .delay = 1500ms,
      .lives = {held(1, 1.5, 1.502), answered(2, 0.25, 0.75), broken(3, Trouble::wrong_reply, 0.5)},
      .over = true};
  timeline.lives[2].failure->sentence = "it said \"no\\\x01";
  timeline.lives.push_back(ClientLife{.id = 4, .connected_s = 0.1});
  EXPECT_EQ(
      timeline_json(timeline),
      "{\"clients\": [\n"
      "  {\"id\": 1, \"slow\": true, \"started_s\": 0.000000, \"connected_s\": 0.000100, \"sent_s\": "
      "1.500000, "
      "\"replied_s\": 1.502000, \"ok\": true, \"error\": null},\n"
      "  {\"id\": 2, \"slow\": false, \"started_s\": 0.000000, \"connected_s\": 0.250000, \"sent_s\": "
      "0.250100, "
      "\"replied_s\": 0.750000, \"ok\": true, \"error\": null},\n"
      "  {\"id\": 3, \"slow\": false, \"started_s\": 0.000000, \"connected_s\": null, \"sent_s\": null, "
      "\"replied_s\": null, \"ok\": false, \"error\": \"it said \\\"no\\\\\\u0001\"},\n"
      "  {\"id\": 4, \"slow\": false, \"started_s\": 0.000000, \"connected_s\": 0.100000, \"sent_s\": null, "
      "\"replied_s\": null, \"ok\": false, \"error\": \"stopped\"}\n"
      "], \"server\": \"h port 1\", \"slow\": 1, \"delay_s\": 1.500000, \"quick_wait_median_s\": 0.750000, "
      "\"quick_wait_max_s\": 0.750000, \"errors\": 2}\n");
}

TEST(TimelineJson, EscapesStrings) {
  Timeline timeline{.server = harness::hostile, .lives = {broken(1, Trouble::broken, 0.1)}};
  timeline.lives[0].failure->sentence = harness::hostile;
  const auto json = timeline_json(timeline);
  EXPECT_TRUE(contains(json, std::string("\"server\"") + harness::hostile_in_json));
  EXPECT_TRUE(contains(json, std::string("\"error\"") + harness::hostile_in_json));
}

TEST(TimelineJson, SaysNullWhereNoQuickClientWasAnswered) {
  const auto json = timeline_json({.lives = {broken(1, Trouble::refused, 0.1)}, .over = true});
  EXPECT_TRUE(contains(json, "\"quick_wait_median_s\": null, \"quick_wait_max_s\": null, \"errors\": 1}"));
}

}  // namespace
