#pragma once

#include "tcpserver/base/mapping.hpp"
#include "tcpserver/base/process.hpp"
#include "tcpserver/server/child/host.hpp"
#include "tcpserver/server/report/session_report.hpp"

#include "server/child/scoreboard.hpp"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace tcpserver::server {

// The parent's table of its children, found by pid and counted by host. A slot goes through these states:
//   free -> taken (take) -> running (enter) -> ended (note_ended) -> free (give_back)
// Each step is O(1) and allocates nothing. No client can choose addresses that make a step slow, because the
// hash of hosts is seeded at random. Children cannot see this memory.
class SlotTable {
  using Link = std::uint32_t;  // an index plus 1; 0 ends a list

 public:
  using Slot = std::uint32_t;

  struct Child {
    pid_t pid = 0;
    int wait_status = 0;   // from waitpid; valid once the child has ended
    bool running = false;  // entered and not yet ended
    SessionFacts facts;

   private:
    friend class SlotTable;
    Link next = 0;  // in its pid chain, or in the list of free or of ended slots
    Link host = 0;  // the count of its host
  };

  // Throws StartError if the memory is not available. Slots that were never used cost no memory.
  explicit SlotTable(std::uint32_t capacity);

  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

  // Changes the capacity. If more slots are in use, none may be taken until enough are given back. Children
  // keep their slots. Throws StartError and changes nothing if the memory is not available. The SIGCHLD
  // handler must not run meanwhile.
  void resize(std::uint32_t capacity);

  // Hides the table from children again, after other memory was shown to them.
  void hide_from_children() noexcept {
    base::hide_from_children(memory_->mapping.data(), memory_->mapping.size());
  }

  [[nodiscard]] std::uint32_t in_use() const noexcept { return in_use_; }

  // Slots from this number on were never taken.
  [[nodiscard]] std::uint32_t used() const noexcept { return used_; }

  // Returns the slot of a hint, or nullopt if no child runs in it.
  [[nodiscard]] std::optional<Slot> find_running(SlotHint hint) const noexcept;

  // Returns a free slot. Fewer than capacity() must be in use.
  [[nodiscard]] Slot take() noexcept;

  // Enters the child that runs in a taken slot.
  void enter(Slot slot, pid_t pid, const SessionFacts& facts) noexcept;

  // For the SIGCHLD handler: async-signal-safe. Ignores pids that are not in the table, such as children that
  // this program inherited over exec.
  void note_ended(pid_t pid, int wait_status) noexcept;

  // Returns each slot whose child has ended once, then nullopt. The caller reads it and gives it back.
  [[nodiscard]] std::optional<Slot> next_ended() noexcept;

  // Frees a slot that was taken, or whose child has ended.
  void give_back(Slot slot) noexcept;

  [[nodiscard]] const Child& operator[](Slot slot) const noexcept { return slots_[slot]; }

  // Counts the children of this host that have entered and were not given back.
  [[nodiscard]] std::uint32_t count(const Host& host) const noexcept;

  // Calls visit(slot) for each running child.
  template <typename Visit>
  void for_each_running(Visit visit) const {
    for (Slot slot = 0; slot < used_; ++slot) {
      if (slots_[slot].running) visit(slot);
    }
  }

 private:
  // Counts the children of one host.
  struct HostCount {
    Host host;
    std::uint32_t children = 0;
    Link next = 0;  // in its host chain, or in the list of free counts
  };

  struct Memory {
    explicit Memory(std::uint32_t slot_count);
    std::uint32_t slot_count;
    std::uint32_t chain_count;  // a power of two
    base::Mapping mapping;
    Child* slots;
    HostCount* hosts;
    Link* pid_chains;
    Link* host_chains;
  };

  [[nodiscard]] Link& pid_chain(pid_t pid) const noexcept;
  [[nodiscard]] Link& host_chain(const Host& host) const noexcept;
  [[nodiscard]] Link& find_host(const Host& host) const noexcept;
  void join_host(Child& child) noexcept;
  void leave_host(const Child& child) noexcept;

  std::uint32_t capacity_;
  std::uint64_t seed_;
  std::uint32_t used_ = 0;
  std::uint32_t in_use_ = 0;
  std::uint32_t used_hosts_ = 0;
  Link free_ = 0;
  Link ended_ = 0;
  Link free_hosts_ = 0;
  std::unique_ptr<Memory> memory_;
  Child* slots_;      // memory_->slots
  HostCount* hosts_;  // memory_->hosts
};

}  // namespace tcpserver::server
