#include "tcpserver/base/terminal.hpp"

#include "client/made_timeline.hpp"
#include "client/timeline.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::client;
using namespace made;

std::string drawn(const Timeline& timeline) {
  return tcpserver::base::join_lines(draw_chart(timeline, 80, 40, false));
}

Timeline many(std::uint32_t count) {
  Timeline timeline{.server = "localhost:54321", .now_s = 0.2, .finished = true};
  for (std::uint32_t id = 1; id <= count; ++id)
    timeline.records.push_back(answered(id, 0.01, 0.1 + id * 0.0001));
  return timeline;
}

TEST(TimelineChart, MatchesTheGoldenFiles) {
  EXPECT_EQ(drawn(iterative()), harness::golden("picture_iterative.txt"));
  EXPECT_EQ(drawn(forking()), harness::golden("picture_fork.txt"));
  EXPECT_EQ(drawn(full_queue()), harness::golden("picture_full_queue.txt"));
}

TEST(TimelineChart, FitsTheTerminal) {
  for (const auto& timeline : {iterative(), forking(), full_queue(), many(1000)}) {
    for (std::size_t columns = 60; columns <= 200; ++columns) {
      const auto lines = draw_chart(timeline, columns, 40, false);
      for (std::size_t i = 0; i < lines.size(); ++i) {
        EXPECT_LT(lines[i].size(), std::max<std::size_t>(columns, 70)) << lines[i];
      }
      EXPECT_EQ(lines[2].size(), columns - 1) << "the chart uses the whole width";
    }
  }
}

TEST(TimelineChart, HasABarOnANarrowTerminal) {
  const auto lines = draw_chart(iterative(), 1, 40, false);
  EXPECT_EQ(lines[2], "1 slow =========#       2.001 s");
}

TEST(TimelineChart, DrawsUnfinishedClientsUpToNow) {
  Timeline timeline{.server = "h:1", .delay = std::chrono::seconds(2)};
  timeline.records = {ClientRecord{.id = 1, .slow = true, .connected_s = 0.0},
                      ClientRecord{.id = 2, .connected_s = 0.0, .sent_s = 0.0}, ClientRecord{.id = 3}};
  timeline.now_s = 1.1;
  const auto lines = draw_chart(timeline, 80, 40, false);
  EXPECT_NE(lines[1].find("|2 s"), std::string::npos)
      << "the axis includes the delay from the start: " << lines[1];
  EXPECT_EQ(lines[2], "1 slow " + std::string(29, '='));
  EXPECT_EQ(lines[3], "2      " + std::string(29, '#'));
  EXPECT_EQ(lines[4], "3      " + std::string(29, '.'));
}

TEST(TimelineChart, SummarizesClientsWithoutARow) {
  const auto lines = draw_chart(many(100), 80, 40, false);
  ASSERT_EQ(lines.size(), 40 + chart_frame);
  EXPECT_TRUE(lines[2].starts_with("  1 ")) << lines[2];
  EXPECT_TRUE(lines[41].starts_with(" 40 ")) << lines[41];
  EXPECT_EQ(lines[42], "60 more: 60 answered (104 ms to 110 ms, median 107 ms)");
  EXPECT_EQ(draw_chart(many(40), 80, 40, false).size(), 40 + chart_frame - 1) << "all have a row";
}

TEST(TimelineChart, PrefersRowsForFailedClients) {
  auto timeline = many(100);
  timeline.records[98] = broken(99, FailureKind::no_reply, 0.1);
  auto lines = draw_chart(timeline, 80, 10, false);
  EXPECT_TRUE(lines[11].starts_with(" 99 ")) << lines[11];
  EXPECT_TRUE(lines[11].ends_with(" no reply")) << lines[11];
  EXPECT_TRUE(lines[10].starts_with("  9 ")) << lines[10];
  EXPECT_TRUE(lines[12].starts_with("90 more: 90 answered (")) << lines[12];
  EXPECT_EQ(lines[12].find("failed"), std::string::npos) << lines[12];

  for (auto& record : timeline.records) record = broken(record.id, FailureKind::refused, 0.1);
  lines = draw_chart(timeline, 80, 10, false);
  EXPECT_EQ(lines[12], "90 more: 0 answered, 90 failed");
}

TEST(TimelineChart, HasTheSameTextInColour) {
  for (const auto& timeline : {iterative(), full_queue(), many(3)}) {
    std::string text = tcpserver::base::join_lines(draw_chart(timeline, 80, 40, true));
    std::size_t sequences = 0;
    for (std::size_t at = 0; (at = text.find("\x1b[", at)) != std::string::npos; ++sequences) {
      text.erase(at, text.find('m', at) - at + 1);
    }
    EXPECT_EQ(text, drawn(timeline));
    EXPECT_GT(sequences, 2 * timeline.records.size());
    EXPECT_EQ(sequences % 2, 0U) << "each is switched off";
  }
  EXPECT_EQ(draw_chart(iterative(), 80, 40, false)[2].find('\x1b'), std::string::npos);
}

}  // namespace
