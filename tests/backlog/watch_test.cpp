#include "backlog/watch.hpp"

#include "harness/json.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

namespace {

using namespace tcpserver::base;
using harness::contains;
using namespace tcpserver::kernel;
using namespace tcpserver::backlog;
using tcpserver::base::SocketAddress;

ObservedListener listener(std::uint32_t length, std::optional<std::uint32_t> dropped,
                          std::uint64_t inode = 7) {
  return {.local = *SocketAddress::parse("127.0.0.1", 7000),
          .inode = inode,
          .length = length,
          .limit = 7,
          .dropped = dropped};
}

// Every listener belongs to python3.
QueueTracker new_tracker() {
  return QueueTracker([](std::uint64_t inode) {
    return tcpserver::kernel::SocketOwner{.pid = static_cast<pid_t>(inode), .name = "py\"thon3"};
  });
}

PortSnapshot snapshot(std::vector<ObservedListener> listeners, std::uint64_t half_open = 0) {
  return {.listeners = std::move(listeners), .half_open = half_open};
}

TEST(QueueTracker, ComparesWithTheFirstSampleEvenIfTheCounterWrapsAround) {
  QueueTracker tracker = new_tracker();
  static_cast<void>(tracker.add(snapshot({listener(8, UINT32_MAX - 1)}), ListenCounters{10, 20}, 0));
  const auto sample = tracker.add(snapshot({listener(2, 10)}, 3), ListenCounters{15, 32}, 1);
  ASSERT_EQ(sample.queues.size(), 1U);
  EXPECT_EQ(sample.queues[0].now.length, 2U);
  EXPECT_EQ(sample.queues[0].longest, 8U);
  EXPECT_EQ(sample.queues[0].dropped, 12U);
  EXPECT_EQ(sample.half_open, 3U);
  EXPECT_EQ(sample.since_start->overflows, 5U);
  EXPECT_EQ(sample.since_start->drops, 12U);
}

TEST(QueueTracker, ForgetsAListenerThatIsGone) {
  QueueTracker tracker = new_tracker();
  static_cast<void>(tracker.add(snapshot({listener(8, 100, 7)}), {}, 0));
  EXPECT_TRUE(tracker.add({}, {}, 1).queues.empty());
  const auto sample = tracker.add(snapshot({listener(1, 4, 7)}), {}, 2);
  EXPECT_EQ(sample.queues.at(0).longest, 1U);
  EXPECT_EQ(sample.queues.at(0).dropped, 0U);
}

TEST(QueueTracker, ExplainsAFullQueueAndDropsOnce) {
  QueueTracker tracker = new_tracker();
  EXPECT_TRUE(tracker.add(snapshot({listener(7, 100)}), {}, 0).lessons.empty()) << "one place is free";
  const auto full = tracker.add(snapshot({listener(8, 100)}), {}, 1).lessons;
  ASSERT_EQ(full.size(), 1U);
  EXPECT_TRUE(contains(full[0], "8 of 7: full")) << full[0];
  const auto dropped = tracker.add(snapshot({listener(8, 101)}), {}, 2).lessons;
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_TRUE(contains(dropped[0], "dropped")) << dropped[0];
  EXPECT_TRUE(tracker.add(snapshot({listener(8, 102)}), {}, 3).lessons.empty());
}

TEST(QueueTracker, PrefersAFullQueueToALongerOne) {
  QueueTracker tracker = new_tracker();
  auto long_queue = listener(20, 0, 8);
  long_queue.limit = 4096;
  auto unknown = listener(30, 0, 9);
  unknown.limit.reset();
  const auto sample = tracker.add(snapshot({listener(8, 0), long_queue, unknown}), {}, 0);
  ASSERT_EQ(sample.lessons.size(), 1U);
  EXPECT_TRUE(contains(sample.lessons[0], "8 of 7")) << sample.lessons[0];
  EXPECT_TRUE(contains(tracker.summary(1), " 8 of 7,")) << tracker.summary(1);
}

TEST(QueueTracker, SummarizesAllListeners) {
  QueueTracker tracker = new_tracker();
  EXPECT_EQ(tracker.summary(0), "0 samples in 0.0 s, no listener");
  static_cast<void>(tracker.add(snapshot({listener(8, UINT32_MAX, 7)}), {}, 0));
  static_cast<void>(tracker.add(snapshot({listener(1, 1, 7)}), {}, 1));
  static_cast<void>(tracker.add(snapshot({listener(3, 50, 8)}), {}, 2));
  static_cast<void>(tracker.add(snapshot({listener(3, 53, 8)}), {}, 3));
  EXPECT_EQ(tracker.summary(3.5), "4 samples in 3.5 s, fullest queue 8 of 7, 5 dropped")
      << "2 by the first listener, 3 by the second";
}

TEST(WatchLines, ShowQueueOwnerAndCounters) {
  QueueTracker tracker = new_tracker();
  const auto sample = tracker.add(snapshot({listener(8, 100)}), ListenCounters{1, 2}, 2.04);
  const auto lines = format_lines(sample);
  EXPECT_TRUE(
      lines.starts_with("2.0 s  127.0.0.1:7000  listener of py\"thon3 (pid 7)\n"
                        "2.0 s  127.0.0.1:7000  queue 8 of 7 [####################] longest 8, "
                        "dropped 0; SYN queue 0; "))
      << lines;
  EXPECT_TRUE(contains(lines, "ListenOverflows 0, ListenDrops 0\n")) << lines;
  const harness::Json json(format_json(sample));
  EXPECT_EQ(json.keys(), "at_s listeners syn_queue listen_overflows listen_drops");
  EXPECT_EQ(
      json.values("listeners.0"),
      "{local: 127.0.0.1:7000, program: py\"thon3, pid: 7, queue: 8, limit: 7, longest: 8, dropped: 0}");
}

TEST(WatchJson, EscapesProgramNames) {
  Sample sample{};
  sample.queues.emplace_back().owner = SocketOwner{.pid = 1, .name = harness::hostile};
  EXPECT_TRUE(contains(format_json(sample), harness::hostile_in_json));
}

TEST(WatchLines, ShowUnknownValuesAsQuestionMarks) {
  QueueTracker tracker = new_tracker();
  auto unknown = listener(8, std::nullopt);
  unknown.limit.reset();
  const auto sample = tracker.add(snapshot({unknown}), std::nullopt, 0);
  EXPECT_TRUE(contains(format_lines(sample), "queue 8 of ? "));
  EXPECT_TRUE(contains(format_lines(sample), "dropped ?"));
  EXPECT_TRUE(contains(format_json(sample), "\"limit\": null"));
  const auto gone = format_lines(tracker.add({}, std::nullopt, 1));
  EXPECT_TRUE(contains(gone, "no listener")) << gone;
  EXPECT_TRUE(contains(gone, "ListenOverflows ?, ListenDrops ?")) << gone;
}

TEST(WatchLines, NameTheOwnerOfANewListener) {
  QueueTracker tracker = new_tracker();
  const auto lines = [&](std::uint64_t inode) {
    return format_lines(tracker.add(snapshot({listener(0, 0, inode)}), {}, 0));
  };
  EXPECT_TRUE(contains(lines(7), "(pid 7)"));
  EXPECT_FALSE(contains(lines(7), "(pid"));
  EXPECT_TRUE(contains(lines(8), "(pid 8)")) << "another listener, as after a restart";
}

TEST(WatchScreen, RedrawsInPlaceWithinTheTerminal) {
  QueueTracker tracker = new_tracker();
  WatchScreen screen(7000);
  const auto sample = tracker.add(snapshot({listener(7, 0), listener(3, 0, 8)}), {}, 0);
  const auto first = screen.draw(sample, {.columns = 40, .rows = 24});
  EXPECT_NE(first[0], '\x1b') << "there is no picture to replace yet";
  const auto second = screen.draw(sample, {.columns = 40, .rows = 24});
  EXPECT_EQ(second.substr(0, 5), "\x1b[8A\r") << "eight lines up";
  std::istringstream lines(second.substr(5));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.substr(0, line.find('\x1b')).size(), 39U) << line;
  }
  EXPECT_TRUE(contains(second, "  %%\x1b[K")) << "two marks of a nearly full queue";
  EXPECT_TRUE(contains(second, "  --\x1b[K")) << "two marks of a shorter queue";

  const auto small = screen.draw(sample, {.columns = 40, .rows = 4});
  EXPECT_EQ(std::count(small.begin(), small.end(), '\n'), 3) << "one row is left for the cursor";
  EXPECT_EQ(small.substr(0, 5), "\x1b[3A\r");
}

TEST(WatchScreen, KeepsLessonsAndFits79Columns) {
  QueueTracker tracker = new_tracker();
  WatchScreen screen(65535);
  auto large = listener(4097, UINT32_MAX);
  large.limit = 4096;
  static_cast<void>(screen.draw(tracker.add(snapshot({large}), ListenCounters{0, 0}, 0), {200, 24}));
  large.dropped = 999'998;
  const auto sample = tracker.add(snapshot({large}), ListenCounters{999'999, 999'999}, 99'999);
  static_cast<void>(screen.draw(sample, {200, 24}));
  auto text = screen.draw(sample, {200, 24});
  EXPECT_TRUE(contains(text, "4097 of 4096: ")) << text;
  EXPECT_TRUE(contains(text, "\ndropped: ")) << text;
  EXPECT_TRUE(
      contains(screen.draw(tracker.add({}, {}, 1), {200, 24}), "waiting for a listener on port 65535"));
  text.erase(0, text.find('\r') + 1);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.substr(0, line.find('\x1b')).size(), 79U) << line;
  }
}

}  // namespace
