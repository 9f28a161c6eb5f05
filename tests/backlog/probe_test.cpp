#include "backlog/probe.hpp"

#include "harness/json.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::backlog;

TEST(Probe, KnowsOlderKernels) {
  const int bsd[] = {1, 2, 4, 5, 7, 8};
  for (int backlog = 0; backlog <= 5; ++backlog) {
    EXPECT_EQ(queued_on_bsd(backlog), bsd[backlog]);
    EXPECT_EQ(queued_on_solaris(backlog), backlog);
    EXPECT_EQ(queued_by_berkeley_rule(backlog), bsd[backlog]) << "the rule reproduces the BSD column";
  }
  EXPECT_FALSE(queued_on_bsd(6).has_value());
  EXPECT_FALSE(queued_on_solaris(6).has_value());
  EXPECT_FALSE(queued_on_bsd(-1).has_value());
}

TEST(Probe, FindsBacklogPlusOneOnLinux) {
  for (int backlog = 0; backlog <= 10; ++backlog) {
    const auto row = probe_backlog(backlog);
    EXPECT_EQ(row.queued, backlog + 1);
    EXPECT_EQ(row.queued_by_tcp_info, backlog + 1);
    EXPECT_EQ(row.in_effect, static_cast<std::uint32_t>(backlog));
    EXPECT_GT(row.started, row.queued) << "the queue was not full";
  }
}

TEST(Probe, ShowsTheKernelLimit) {
  const auto row = probe_backlog(100'000);
  EXPECT_TRUE(row.agrees());
  EXPECT_LT(row.in_effect, 100'000U);
  EXPECT_EQ(row.queued, static_cast<int>(row.in_effect) + 1);
  EXPECT_TRUE(contains(format_row(row, 0, 0), "cut to " + std::to_string(row.in_effect)));
}

TEST(Probe, FullQueueDropsSynsUntilAPlaceIsFree) {
  const auto full = probe_full_queue(2);
  EXPECT_EQ(full.error, 0) << "a RST";
  EXPECT_TRUE(full.got_in);
  EXPECT_FALSE(full.let_in_at_once);
  EXPECT_GE(full.retransmitted_syns.value(), 1U);
}

TEST(Probe, EscapesKernelNameInJson) {
  const auto json = format_json({}, {}, harness::hostile);
  EXPECT_TRUE(json.starts_with(std::string("{\"rows\": [], \"kernel\"") + harness::hostile_in_json)) << json;
}

TEST(Probe, FormatsRowsAndTheFullQueue) {
  const ProbeRow row{.backlog = 3, .in_effect = 3, .started = 10, .queued = 4, .queued_by_tcp_info = 4};
  EXPECT_EQ(format_row(row, 16, 0), "      3             4     5             3           5\n");
  EXPECT_EQ(format_row(row, 16, 16), "      3             4     5             3           5   ####\n");
  auto odd = row;
  odd.queued_by_tcp_info = 5;
  EXPECT_TRUE(contains(format_row(odd, 16, 0), "TCP_INFO shows 5"));
  EXPECT_TRUE(contains(format_full_queue({.backlog = 1, .error = ECONNREFUSED}), "Connection refused"));
  EXPECT_TRUE(contains(format_full_queue({.backlog = 1}), "not connected"));
}

}  // namespace
