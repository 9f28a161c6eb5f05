#pragma once

#include "tcpserver/base/mapping.hpp"
#include "tcpserver/server/child/address_hints.hpp"
#include "tcpserver/server/session/record.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace tcpserver::server {

// A slot number read from memory that children can write. SlotTable::find_running() checks it.
struct SlotHint {
  std::uint32_t value;
};

// The scoreboard is made of these, each a page of memory on most systems: what a child and its parent have to
// tell each other beside the record costs no further page fault.
struct alignas(4096) ScoreboardPage {
  static constexpr std::uint32_t record_count = 63;

  alignas(64) std::atomic<std::uint64_t> ended;  // bit i: the child of record i is about to exit
  SessionRecord records[record_count];

  // The page of a record that belongs to a scoreboard.
  [[nodiscard]] static ScoreboardPage& of(SessionRecord& record) noexcept {
    return *reinterpret_cast<ScoreboardPage*>(reinterpret_cast<std::uintptr_t>(&record) &
                                              ~(sizeof(ScoreboardPage) - 1));
  }

  // By the child, as the last it does before its exit status.
  static void announce_end(SessionRecord& record) noexcept {
    auto& page = of(record);
    page.ended.fetch_or(page.bit_of(record), std::memory_order_release);
  }

  // By the parent, once the child is gone or its place has a new one.
  static void forget_end(SessionRecord& record) noexcept {
    auto& page = of(record);
    page.ended.fetch_and(~page.bit_of(record), std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] std::uint64_t bit_of(const SessionRecord& record) const noexcept {
    return std::uint64_t{1} << (&record - records);
  }
};
static_assert(sizeof(ScoreboardPage) == 4096);

// Memory shared by the parent and all children: slot i belongs to the child in slot i of the slot table.
// It grows by further segments, for running children have the present ones in use.
class Scoreboard {
 public:
  // Throws StartError where the memory cannot be had. Slots that were never used cost none.
  explicit Scoreboard(std::uint32_t slots, AddressHints place = {}) : place_(place) { reserve(slots); }

  // At least so many slots from now on. Throws StartError; nothing has changed then.
  void reserve(std::uint32_t slots);

  // A slot's record, all zero, for a new child of this process.
  [[nodiscard]] SessionRecord& clean(std::uint32_t slot) const noexcept;

  [[nodiscard]] SessionRecord& operator[](std::uint32_t slot) const noexcept {
    return page(slot / ScoreboardPage::record_count).records[slot % ScoreboardPage::record_count];
  }

  // Calls visit(hint) for each set `ended` bit of the first `slots` slots; ignores other bits. Reads one
  // cache line per 63 slots.
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

  // Calls visit(address, size) for each part of the memory.
  template <typename Visit>
  void for_each_segment(Visit visit) const {
    for (const auto& segment : segments_) visit(segment->mapping.data(), segment->mapping.size());
  }

 private:
  struct Segment {
    Segment(std::uint32_t from, std::size_t size, void* hint)
        : first(from), mapping(base::Mapping::Kind::shared, size, hint) {}
    std::uint32_t first;  // page
    base::Mapping mapping;
  };
  [[nodiscard]] ScoreboardPage& page(std::uint32_t number) const noexcept;

  std::vector<std::unique_ptr<Segment>> segments_;  // by their first pages; the first has page 0
  std::uint32_t pages_ = 0;
  AddressHints place_;
};

}  // namespace tcpserver::server
