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

TEST(Spread, AcceptsUnsortedTimes) {
  EXPECT_FALSE(compute_spread({}));
  EXPECT_EQ(compute_spread({5})->median, 5);
  const auto four = compute_spread({4, 1, 3, 2});
  EXPECT_EQ(four->min, 1);
  EXPECT_EQ(four->median, 2.5);
  EXPECT_EQ(four->max, 4);
}

TEST(TimelineJson, HasALineForEachClient) {
  Timeline timeline{
      .server = "h:1",
      .delay = 1500ms,
      .records = {held(1, 1.5, 1.502), answered(2, 0.25, 0.75), broken(3, FailureKind::wrong_reply, 0.5)},
      .finished = true};
  timeline.records[2].failure->message = "it said \"no\\\x01";
  timeline.records.push_back(ClientRecord{.id = 4, .connected_s = 0.1});
  const harness::Json json(format_timeline_json(timeline));
  EXPECT_EQ(json.keys("clients.0"), "id slow started_s connected_s sent_s replied_s ok error");
  EXPECT_EQ(json.values("clients.*.slow"), "true false false false");
  EXPECT_EQ(json.values("clients.*.connected_s"), "0.000100 0.250000 null 0.100000");
  EXPECT_EQ(json.values("clients.*.sent_s"), "1.500000 0.250100 null null");
  EXPECT_EQ(json.values("clients.*.replied_s"), "1.502000 0.750000 null null");
  EXPECT_EQ(json.values("clients.*.ok"), "true true false false");
  EXPECT_EQ(json.values("clients.2.error clients.3.error"), "it said \"no\\\x01 stopped");
  EXPECT_EQ(json.values("server slow delay_s quick_wait_median_s quick_wait_max_s errors"),
            "h:1 1 1.500000 0.750000 0.750000 2");
}

TEST(TimelineJson, EscapesStrings) {
  Timeline timeline{.server = harness::hostile, .records = {broken(1, FailureKind::broken, 0.1)}};
  timeline.records[0].failure->message = harness::hostile;
  const auto json = format_timeline_json(timeline);
  EXPECT_TRUE(contains(json, std::string("\"server\"") + harness::hostile_in_json));
  EXPECT_TRUE(contains(json, std::string("\"error\"") + harness::hostile_in_json));
}

TEST(TimelineJson, IsNullWithoutAnsweredQuickClients) {
  const auto json =
      format_timeline_json({.records = {broken(1, FailureKind::refused, 0.1)}, .finished = true});
  EXPECT_TRUE(contains(json, "\"quick_wait_median_s\": null, \"quick_wait_max_s\": null, \"errors\": 1}"));
}

}  // namespace
