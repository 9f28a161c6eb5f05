#include "backlog/watch.hpp"

#include "harness/json.hpp"
#include "harness/text.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

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

// A book for which every listener is python3's.
WatchBook new_book() {
  return WatchBook([](std::uint64_t inode) {
    return tcpserver::kernel::SocketOwner{.pid = static_cast<pid_t>(inode), .name = "py\"thon3"};
  });
}

TEST(WatchBook, ComparesWithTheFirstLookEvenIfTheCounterWrapsAround) {
  WatchBook book = new_book();
  static_cast<void>(
      book.enter({.listeners = {listener(8, UINT32_MAX - 1)}, .half_open = 0}, ListenCounters{10, 20}, 0));
  const auto look = book.enter({.listeners = {listener(2, 10)}, .half_open = 3}, ListenCounters{15, 32}, 1);
  ASSERT_EQ(look.queues.size(), 1U);
  EXPECT_EQ(look.queues[0].now.length, 2U);
  EXPECT_EQ(look.queues[0].longest, 8U);
  EXPECT_EQ(look.queues[0].dropped, 12U);
  EXPECT_EQ(look.half_open, 3U);
  EXPECT_EQ(look.since_start->overflows, 5U);
  EXPECT_EQ(look.since_start->drops, 12U);
}

TEST(WatchBook, ForgetsAListenerThatIsGone) {
  WatchBook book = new_book();
  static_cast<void>(book.enter({.listeners = {listener(8, 100, 7)}, .half_open = 0}, {}, 0));
  EXPECT_TRUE(book.enter({}, {}, 1).queues.empty());
  const auto look = book.enter({.listeners = {listener(1, 4, 7)}, .half_open = 0}, {}, 2);
  EXPECT_EQ(look.queues.at(0).longest, 1U);
  EXPECT_EQ(look.queues.at(0).dropped, 0U);
}

TEST(WatchLines, SayWhatThereIs) {
  WatchBook book = new_book();
  const auto look = book.enter({.listeners = {listener(8, 100)}, .half_open = 0}, ListenCounters{1, 2}, 2.04);
  EXPECT_EQ(
      watch_lines(look),
      "2.0 s  127.0.0.1:7000  listener of py\"thon3 (pid 7)\n"
      "2.0 s  127.0.0.1:7000  queue 8 of 7 [####################] longest 8, dropped here +0; SYN queue 0; "
      "ListenOverflows +0, ListenDrops +0\n");
  const harness::Json json(watch_json(look));
  EXPECT_EQ(json.keys(), "at_s listeners syn_queue listen_overflows listen_drops");
  EXPECT_EQ(
      json.values("listeners.0"),
      "{local: 127.0.0.1:7000, program: py\"thon3, pid: 7, queue: 8, limit: 7, longest: 8, dropped: 0}");
}

TEST(WatchJson, EscapesTheNameOfAProgram) {
  Look look{};
  look.queues.emplace_back().owner = SocketOwner{.pid = 1, .name = harness::hostile};
  const auto json = watch_json(look);
  EXPECT_TRUE(contains(json, harness::hostile_in_json));
}

TEST(WatchLines, SayWhatIsNotTold) {
  WatchBook book = new_book();
  auto silent = listener(8, std::nullopt);
  silent.limit.reset();
  const auto look = book.enter({.listeners = {silent}, .half_open = 0}, std::nullopt, 0);
  EXPECT_TRUE(contains(watch_lines(look), "queue 8 of ? "));
  EXPECT_TRUE(contains(watch_lines(look), "dropped here +not told"));
  EXPECT_TRUE(contains(watch_json(look), "\"limit\": null"));
  EXPECT_EQ(watch_lines(book.enter({}, std::nullopt, 1)),
            "1.0 s  nobody listens here now; ListenOverflows, ListenDrops: not told\n");
}

TEST(WatchLines, SayWhoseAListenerIsWhenItIsNew) {
  WatchBook book = new_book();
  const auto lines = [&](std::uint64_t inode) {
    return watch_lines(book.enter({.listeners = {listener(0, 0, inode)}, .half_open = 0}, {}, 0));
  };
  EXPECT_TRUE(contains(lines(7), "(pid 7)"));
  EXPECT_FALSE(contains(lines(7), "(pid"));
  EXPECT_TRUE(contains(lines(8), "(pid 8)")) << "another listener, as after a restart";
}

TEST(WatchScreen, DrawsOverTheLastPictureAndNothingBeyondTheTerminal) {
  WatchBook book = new_book();
  WatchScreen screen("port 7000");
  const auto look = book.enter({.listeners = {listener(8, 0), listener(3, 0, 8)}, .half_open = 0}, {}, 0);
  const auto first = screen.draw(look, {.columns = 40, .rows = 24});
  EXPECT_NE(first[0], '\x1b') << "nothing to draw over yet";
  const auto second = screen.draw(look, {.columns = 40, .rows = 24});
  EXPECT_EQ(second.substr(0, 5), "\x1b[8A\r") << "eight lines up";
  std::istringstream lines(second.substr(5));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.substr(0, line.find('\x1b')).size(), 39U) << line;
  }
  EXPECT_TRUE(contains(second, "  ##\x1b[K")) << "two marks of a full queue";
  EXPECT_TRUE(contains(second, "  --\x1b[K")) << "and of one that is not";

  const auto small = screen.draw(look, {.columns = 40, .rows = 4});
  EXPECT_EQ(std::count(small.begin(), small.end(), '\n'), 3) << "a row is left for the cursor";
  EXPECT_EQ(small.substr(0, 5), "\x1b[3A\r");
}

}  // namespace
