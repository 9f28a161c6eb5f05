#pragma once

#include "tcpserver/base/mapping.hpp"
#include "tcpserver/server/session/record.hpp"

#include "server/child/inherited_memory.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace tcpserver::server {

// A slot number read from memory that children can write. SlotTable::find_running() checks it.
struct SlotHint {
  std::uint32_t value;
};

// A part of the scoreboard. It is one page of memory on most systems, so the bit in the same page as the
// record costs a child no page fault.
struct alignas(4096) ScoreboardPage {
  static constexpr std::uint32_t record_count = 63;

  alignas(64) std::atomic<std::uint64_t> ended;  // bit i: the child of record i is about to exit
  SessionRecord records[record_count];

  // The record must belong to a scoreboard.
  [[nodiscard]] static ScoreboardPage& containing(SessionRecord& record) noexcept {
    return *reinterpret_cast<ScoreboardPage*>(reinterpret_cast<std::uintptr_t>(&record) &
                                              ~(sizeof(ScoreboardPage) - 1));
  }

  // The last step of a child before it exits.
  static void announce_end(SessionRecord& record) noexcept {
    auto& page = containing(record);
    page.ended.fetch_or(page.bit(record), std::memory_order_release);
  }

  // For the parent, after the child has ended or before the slot gets a new child.
  static void forget_end(SessionRecord& record) noexcept {
    auto& page = containing(record);
    page.ended.fetch_and(~page.bit(record), std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] std::uint64_t bit(const SessionRecord& record) const noexcept {
    return std::uint64_t{1} << (&record - records);
  }
};
static_assert(sizeof(ScoreboardPage) == 4096);

// Memory shared by the parent and all children. Record i belongs to the child in slot i of the slot table. To
// grow, it adds segments, because running children use the existing ones.
class Scoreboard {
 public:
  // Throws StartError if memory is not available. Unused slots take no memory.
  explicit Scoreboard(std::uint32_t slots, AddressHints place = {}) : place_(place) { reserve(slots); }

  // Provides this number of slots. Throws StartError and changes nothing if memory is not available.
  void reserve(std::uint32_t slots);

  // Resets and returns the record of a slot, for a new child.
  [[nodiscard]] SessionRecord& clean(std::uint32_t slot) const noexcept;

  [[nodiscard]] SessionRecord& operator[](std::uint32_t slot) const noexcept {
    return page(slot / ScoreboardPage::record_count).records[slot % ScoreboardPage::record_count];
  }

  // Calls visit(hint) for each slot below `slots` whose `ended` bit is set. Reads one cache line per 63
  // slots.
  template <typename Visit>
  void for_each_ended(std::uint32_t slots, Visit visit) const {
    constexpr auto per_page = ScoreboardPage::record_count;
    for (std::uint32_t first = 0; first < slots; first += per_page) {
      const auto valid = (std::uint64_t{1} << std::min(per_page, slots - first)) - 1;
      auto ended = page(first / per_page).ended.load(std::memory_order_acquire) & valid;
      for (; ended != 0; ended &= ended - 1) {
        visit(SlotHint{first + static_cast<std::uint32_t>(std::countr_zero(ended))});
      }
    }
  }

  [[nodiscard]] const std::deque<base::Mapping>& segments() const noexcept { return segments_; }

 private:
  [[nodiscard]] ScoreboardPage& page(std::size_t number) const noexcept;

  std::deque<base::Mapping> segments_;  // a deque, because it does not move its elements
  std::uint32_t pages_ = 0;             // in all segments
  AddressHints place_;
};

}  // namespace tcpserver::server
