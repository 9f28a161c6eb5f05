#include "server/child/slot_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace tcpserver::base;
using namespace tcpserver::server;
using tcpserver::base::SocketAddress;

// Returns one of few hosts, so that each has several children.
int host_number(pid_t pid) {
  return pid % 7;
}

SlotTable::Slot start(SlotTable& table, pid_t pid) {
  const auto slot = table.take();
  SessionFacts facts;
  facts.peer =
      *SocketAddress::parse("10.0.0." + std::to_string(host_number(pid)), static_cast<std::uint16_t>(pid));
  table.enter(slot, pid, facts);
  return slot;
}

std::multiset<pid_t> running(const SlotTable& table) {
  std::multiset<pid_t> pids;
  table.for_each_running([&](SlotTable::Slot slot) { pids.insert(table[slot].pid); });
  return pids;
}

TEST(SlotTable, TracksAChildFromStartToEnd) {
  SlotTable table(2);
  EXPECT_EQ(table.capacity(), 2U);
  const auto slot = start(table, 77);
  EXPECT_EQ(table.in_use(), 1U);
  EXPECT_EQ(table[slot].pid, 77);
  EXPECT_EQ(table[slot].facts.peer.port(), 77);
  EXPECT_FALSE(table.next_ended().has_value());

  table.note_ended(77, 256);
  EXPECT_EQ(table.in_use(), 1U) << "until it is given back";
  EXPECT_TRUE(running(table).empty());
  EXPECT_EQ(table.next_ended(), slot);
  EXPECT_EQ(table[slot].wait_status, 256);
  EXPECT_FALSE(table.next_ended().has_value());
  table.release(slot);
  EXPECT_EQ(table.in_use(), 0U);
}

TEST(SlotTable, IsFullAtItsCapacity) {
  SlotTable table(3);
  for (pid_t pid = 1; pid <= 3; ++pid) start(table, pid);
  EXPECT_EQ(table.in_use(), table.capacity());
  table.note_ended(2, 0);
  table.release(*table.next_ended());
  EXPECT_NE(table.in_use(), table.capacity());
  start(table, 4);
  EXPECT_EQ(table.in_use(), table.capacity());
  EXPECT_EQ(running(table), (std::multiset<pid_t>{1, 3, 4}));
}

TEST(SlotTable, FreesTheSlotOfAFailedFork) {
  SlotTable table(1);
  for (int i = 0; i < 5; ++i) {
    ASSERT_NE(table.in_use(), table.capacity());
    table.release(table.take());
  }
  EXPECT_EQ(table.in_use(), 0U);
}

TEST(SlotTable, IgnoresUnknownChildren) {
  SlotTable table(4);
  start(table, 10);
  table.note_ended(11, 0);
  table.note_ended(10 + 4, 0);  // in the same chain
  EXPECT_FALSE(table.next_ended().has_value());
  EXPECT_EQ(running(table), std::multiset<pid_t>{10});
}

TEST(SlotTable, AgreesWithAMapOverRandomSteps) {
  SlotTable table(3);
  std::map<pid_t, SlotTable::Slot> model;
  std::set<pid_t> ended;
  std::mt19937 random(1);
  for (unsigned step = 0; step < 200'000; ++step) {
    const auto kind = random() % 8;
    if (random() % 500 == 0) {
      const auto capacity = static_cast<std::uint32_t>(random() % (1 + step / 4000) + 1);  // grows on average
      table.resize(capacity);
      ASSERT_EQ(table.capacity(), capacity);
    } else if (kind < 4 && table.in_use() < table.capacity()) {
      pid_t pid = 0;
      do {
        pid = static_cast<pid_t>(random() % 200 + 1);  // few pids, so that chains are long and pids recur
      } while (model.contains(pid) || ended.contains(pid));
      model[pid] = start(table, pid);
    } else if (kind < 7 && !model.empty()) {
      auto victim = std::next(model.begin(), static_cast<long>(random() % model.size()));
      ended.insert(victim->first);
      table.note_ended(victim->first, victim->first * 256);
      model.erase(victim);
    } else {
      while (const auto slot = table.next_ended()) {
        ASSERT_EQ(table[*slot].wait_status, table[*slot].pid * 256);
        ASSERT_EQ(ended.erase(table[*slot].pid), 1U);
        table.release(*slot);
      }
      ASSERT_TRUE(ended.empty());
    }
    ASSERT_EQ(table.in_use(), model.size() + ended.size());
    const int number = static_cast<int>(random() % 7);
    const auto is_of_host = [number](pid_t pid) { return host_number(pid) == number; };
    const auto expected = std::count_if(model.begin(), model.end(),
                                        [&](const auto& child) { return is_of_host(child.first); }) +
                          std::count_if(ended.begin(), ended.end(), is_of_host);
    const auto host = Host::from(*SocketAddress::parse("10.0.0." + std::to_string(number), 1));
    ASSERT_EQ(table.count(host), static_cast<std::uint32_t>(expected));
  }
  std::multiset<pid_t> expected;
  for (const auto& [pid, slot] : model) expected.insert(pid);
  EXPECT_EQ(running(table), expected);
}

TEST(SlotTable, CountsChildrenByHost) {
  SlotTable table(40);
  const auto host = Host::from(*SocketAddress::parse("10.0.0.3", 1));
  std::vector<SlotTable::Slot> slots;
  for (pid_t pid = 3; pid < 3 + 7 * 4; pid += 7) slots.push_back(start(table, pid));
  start(table, 4);
  EXPECT_EQ(table.count(host), 4U);
  table.resize(400);
  EXPECT_EQ(table.count(host), 4U);
  // The last one, the first one, a middle one, the only one.
  std::uint32_t left = 4;
  for (const std::size_t index : {3U, 0U, 2U, 1U}) {
    table.note_ended(table[slots[index]].pid, 0);
    EXPECT_EQ(table.count(host), left) << "until its slot is given back";
    table.release(*table.next_ended());
    EXPECT_EQ(table.count(host), --left);
  }
  EXPECT_EQ(table.count(Host::from(*SocketAddress::parse("10.0.0.4", 1))), 1U);
}

TEST(SlotTable, UnusedSlotsTakeNoMemory) {
  SlotTable table(4'194'304);  // hundreds of MiB if touched
  EXPECT_EQ(start(table, 1), 0U);
  table.note_ended(1, 0);
  EXPECT_TRUE(table.next_ended().has_value());
}

}  // namespace
