#include "client/made_timeline.hpp"
#include "client/timeline.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::client;
using namespace made;
using namespace std::chrono_literals;

const std::string four_quick = "The 4 quick clients waited 650 us (median; 500 us to 900 us)";

TEST(Summary, TellsWhetherQuickClientsWaitedForSlowOnes) {
  EXPECT_EQ(summarize(iterative()),
            "The 4 quick clients waited 2.001 s (median; 2.001 s to 2.002 s) while client 1 held its "
            "connection for 2s, so they were served after it.");
  EXPECT_EQ(summarize(forking()),
            four_quick + " while client 1 held its connection for 2s: no client waited for it.");
  Timeline pair{
      .server = "h:1", .delay = 1s, .records = {held(1, 1, 1.001), answered(2, 0, 1.001)}, .finished = true};
  EXPECT_EQ(summarize(pair),
            "The quick client waited 1.001 s while client 1 held its connection for 1s, so it was served "
            "after it.");
}

TEST(Summary, DrawsNoConclusionFromAShortDelay) {
  auto timeline = iterative();
  timeline.delay = 100us;
  EXPECT_TRUE(summarize(timeline).ends_with(" for 100us.")) << summarize(timeline);
}

// All wait as long, but one of them was served before client 1: the machine is slow.
TEST(Summary, DrawsNoConclusionIfAQuickClientWasServedFirst) {
  auto timeline = iterative();
  timeline.records[3] = answered(4, 0.0001, 1.99);
  EXPECT_TRUE(summarize(timeline).ends_with(" for 2s.")) << summarize(timeline);
}

TEST(Summary, CountsLateConnectsAndTimedOutConnects) {
  const char* const late = "1 client waited a second or longer for a connection";
  Timeline timeline{.records = {answered(1, 0, 0.001), broken(2, FailureKind::timed_out, 3)},
                    .finished = true};
  EXPECT_TRUE(contains(summarize(timeline), late));
  timeline.records[1].connecting_s = 2.5;  // another address was tried before
  EXPECT_FALSE(contains(summarize(timeline), late));
  timeline.records[1] = broken(2, FailureKind::refused, 3);
  EXPECT_FALSE(contains(summarize(timeline), late));
}

TEST(Summary, DrawsNoConclusionFromMixedWaits) {
  auto timeline = forking();
  timeline.records[4] = answered(5, 0, 1.5);
  EXPECT_TRUE(summarize(timeline).ends_with("500 us to 1.500 s) while client 1 held its connection for 2s."))
      << summarize(timeline);
}

TEST(Summary, DescribesQuickOrSlowClientsAlone) {
  Timeline quick{.records = {answered(1, 0, 0.001), answered(2, 0, 0.003)}, .finished = true};
  EXPECT_EQ(summarize(quick), "2 clients waited 2.0 ms (median; 1.0 ms to 3.0 ms).");
  Timeline slow{.delay = 1s, .records = {held(1, 1, 1.002), held(2, 1, 1.004)}, .finished = true};
  EXPECT_EQ(summarize(slow), "2 slow clients were answered 3.0 ms (median; 2.0 ms to 4.0 ms) after sending.");
}

TEST(Summary, CountsFailures) {
  auto timeline = forking();
  timeline.records[2] = broken(3, FailureKind::wrong_reply, 0.1);
  timeline.records[3] = broken(4, FailureKind::reset, 0.1);
  EXPECT_EQ(summarize(timeline),
            "2 of 5 clients failed. The 2 quick clients that were answered waited 700 us (median; 500 us to "
            "900 us) while client 1 held its connection for 2s.");
  for (auto& record : timeline.records) record = broken(record.id, FailureKind::refused, 0.1);
  EXPECT_EQ(summarize(timeline), "No client got a correct reply (5 of 5 failed).");
}

TEST(Summary, ExplainsAFullQueue) {
  const auto text = summarize(full_queue());
  for (const char* part :
       {"1 of 5 clients failed.", "The 3 quick clients that were answered waited 2.001 s",
        "3 clients waited a second or longer for a connection", "1 of them was reset", "SYN cookie"}) {
    EXPECT_TRUE(contains(text, part));
  }
}

TEST(Summary, CountsUnfinishedClientsOfAStoppedRun) {
  Timeline timeline{
      .delay = 2s,
      .records = {answered(1, 0, 0.001), ClientRecord{.id = 2, .slow = true}, ClientRecord{.id = 3}},
      .now_s = 0.5,
      .finished = true};
  EXPECT_EQ(summarize(timeline),
            "Stopped after 500 ms; 2 of 3 clients had not finished. The quick client that was answered "
            "waited 1.0 ms.");
  timeline.records = {broken(1, FailureKind::refused, 0.1), ClientRecord{.id = 2}};
  EXPECT_EQ(summarize(timeline),
            "Stopped after 500 ms; 1 of 2 clients had not finished. 1 of 2 clients failed.");
}

TEST(Summary, DrawsNoConclusionFromAHoldThatWasCutShort) {
  auto timeline = forking();
  timeline.records[0] = broken(1, FailureKind::closed, 0.5);
  timeline.records[0].slow = true;
  EXPECT_EQ(summarize(timeline), "1 of 5 clients failed. " + four_quick + ".");
}

}  // namespace
